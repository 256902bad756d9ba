// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/config.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>

#include "common/scrollback/layout.hpp"
#include "common/text.hpp"
#include "daemon/session.hpp"

namespace ptyd {
namespace {

using std::chrono::milliseconds;

// A configuration is a page or two; more is the wrong file.
constexpr std::size_t kMaxConfigSize = 256 * 1024;

struct Key {
  const char* name;
  // Sets the value; what is wrong with the text otherwise, as "expected …".
  std::string (*set)(Config&, const std::string&);
  std::string (*get)(const Config&);
};

std::string set_duration(milliseconds& out, const std::string& text, milliseconds min,
                         milliseconds max) {
  const auto value = parse_duration(text);
  if (!value) return "expected a time such as 5s, 250ms or 1min 30s";
  if (*value < min || *value > max)
    return "expected a time from " + format_duration(min) + " to " + format_duration(max);
  out = *value;
  return {};
}

std::string set_size(std::uint64_t& out, const std::string& text, std::uint64_t min,
                     std::uint64_t max) {
  const auto value = parse_size(text);
  if (!value) return "expected a size such as 64KiB or 1MiB";
  if (*value < min || *value > max)
    return "expected a size from " + format_size(min) + " to " + format_size(max);
  out = *value;
  return {};
}

std::string set_count(std::uint64_t& out, const std::string& text, std::uint64_t min,
                      std::uint64_t max) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < min || value > max)
    return "expected a number from " + std::to_string(min) + " to " + std::to_string(max);
  out = value;
  return {};
}

// Levels by the words of the journal.
constexpr std::array<std::pair<const char*, spdlog::level::level_enum>, 4> kLevels{{
    {"debug", spdlog::level::debug},
    {"info", spdlog::level::info},
    {"warning", spdlog::level::warn},
    {"error", spdlog::level::err},
}};
constexpr std::array<std::pair<const char*, log::Target>, 3> kTargets{{
    {"auto", log::Target::kAuto},
    {"journal", log::Target::kJournal},
    {"stderr", log::Target::kStderr},
}};

constexpr std::array<std::pair<const char*, StarterChoice>, 3> kStarters{{
    {"auto", StarterChoice::kAuto},
    {"systemd", StarterChoice::kSystemd},
    {"direct", StarterChoice::kDirect},
}};

constexpr std::array<std::pair<const char*, QueueChoice>, 3> kQueueChoices{{
    {"asked", QueueChoice::kAsked},
    {"always", QueueChoice::kAlways},
    {"never", QueueChoice::kNever},
}};

template <typename Words, typename T>
std::string set_word(T& out, const std::string& text, const Words& words) {
  std::string expected;
  for (const auto& [word, value] : words) {
    if (text == word) {
      out = value;
      return {};
    }
    expected += (expected.empty() ? "" : ", ") + std::string(word);
  }
  return "expected one of " + expected;
}

template <typename Words, typename T>
std::string get_word(const T& value, const Words& words) {
  for (const auto& [word, its_value] : words)
    if (value == its_value) return word;
  return {};
}

constexpr auto kDay = std::chrono::hours(24);
// More sessions or clients than descriptors can be had for.
constexpr std::uint64_t kMaxCount = 100'000;

const Key kKeys[] = {
    {"log.level", [](Config& c, const std::string& t) { return set_word(c.log.level, t, kLevels); },
     [](const Config& c) { return get_word(c.log.level, kLevels); }},
    {"log.target",
     [](Config& c, const std::string& t) { return set_word(c.log.target, t, kTargets); },
     [](const Config& c) { return get_word(c.log.target, kTargets); }},
    {"limits.sessions",
     [](Config& c, const std::string& t) { return set_count(c.limits.sessions, t, 1, kMaxCount); },
     [](const Config& c) { return std::to_string(c.limits.sessions); }},
    {"limits.sessions_per_user",
     [](Config& c, const std::string& t) {
       return set_count(c.limits.sessions_per_user, t, 1, kMaxCount);
     },
     [](const Config& c) { return std::to_string(c.limits.sessions_per_user); }},
    {"limits.queued",
     [](Config& c, const std::string& t) { return set_count(c.limits.queued, t, 1, kMaxCount); },
     [](const Config& c) { return std::to_string(c.limits.queued); }},
    {"limits.queued_per_user",
     [](Config& c, const std::string& t) {
       return set_count(c.limits.queued_per_user, t, 1, kMaxCount);
     },
     [](const Config& c) { return std::to_string(c.limits.queued_per_user); }},
    {"limits.clients",
     [](Config& c, const std::string& t) { return set_count(c.limits.clients, t, 1, kMaxCount); },
     [](const Config& c) { return std::to_string(c.limits.clients); }},
    {"limits.clients_per_user",
     [](Config& c, const std::string& t) {
       return set_count(c.limits.clients_per_user, t, 1, kMaxCount);
     },
     [](const Config& c) { return std::to_string(c.limits.clients_per_user); }},
    {"sessions.starter",
     [](Config& c, const std::string& t) { return set_word(c.sessions.starter, t, kStarters); },
     [](const Config& c) { return get_word(c.sessions.starter, kStarters); }},
    {"sessions.program",
     [](Config& c, const std::string& t) -> std::string {
       if (!t.empty() && t.front() != '/') return "expected an absolute path";
       c.sessions.program = t;
       return {};
     },
     [](const Config& c) { return c.sessions.program; }},
    {"sessions.term",
     [](Config& c, const std::string& t) -> std::string {
       if (t.empty() || t.size() > 64 || printable(t) != t || t.find('/') != std::string::npos)
         return "expected the name of a terminal type such as xterm-256color";
       c.sessions.term = t;
       return {};
     },
     [](const Config& c) { return c.sessions.term; }},
    {"sessions.scrollback",
     [](Config& c, const std::string& t) {
       return set_size(c.sessions.scrollback, t, kMinScrollback, kMaxScrollback);
     },
     [](const Config& c) { return format_size(c.sessions.scrollback); }},
    {"sessions.stop_timeout",
     [](Config& c, const std::string& t) {
       return set_duration(c.sessions.stop_timeout, t, milliseconds(1), kDay);
     },
     [](const Config& c) { return format_duration(c.sessions.stop_timeout); }},
    {"sessions.idle_after",
     [](Config& c, const std::string& t) {
       return set_duration(c.sessions.idle_after, t, milliseconds(1), kDay);
     },
     [](const Config& c) { return format_duration(c.sessions.idle_after); }},
    {"sessions.restore",
     [](Config& c, const std::string& t) { return set_word(c.sessions.restore, t, kRestoreWords); },
     [](const Config& c) { return get_word(c.sessions.restore, kRestoreWords); }},
    {"sessions.on_drain",
     [](Config& c, const std::string& t) {
       return set_word(c.sessions.terminate_on_drain, t, kOnDrainWords);
     },
     [](const Config& c) { return get_word(c.sessions.terminate_on_drain, kOnDrainWords); }},
    {"stop.request_timeout",
     [](Config& c, const std::string& t) {
       return set_duration(c.stop.request_timeout, t, milliseconds(0), kDay);
     },
     [](const Config& c) { return format_duration(c.stop.request_timeout); }},
    {"stop.grace",
     [](Config& c, const std::string& t) {
       return set_duration(c.stop.grace, t, milliseconds(0), kDay);
     },
     [](const Config& c) { return format_duration(c.stop.grace); }},
    {"stop.session_timeout",
     [](Config& c, const std::string& t) {
       return set_duration(c.stop.session_timeout, t, milliseconds(1), kDay);
     },
     [](const Config& c) { return format_duration(c.stop.session_timeout); }},
    {"stop.warning",
     [](Config& c, const std::string& t) {
       return set_duration(c.stop.warning, t, milliseconds(0), kDay);
     },
     [](const Config& c) { return format_duration(c.stop.warning); }},
    {"drain.grace",
     [](Config& c, const std::string& t) {
       return set_duration(c.drain.grace, t, milliseconds(0), 30 * kDay);
     },
     [](const Config& c) { return format_duration(c.drain.grace); }},
    {"drain.request_timeout",
     [](Config& c, const std::string& t) {
       return set_duration(c.drain.request_timeout, t, milliseconds(0), kDay);
     },
     [](const Config& c) { return format_duration(c.drain.request_timeout); }},
    {"drain.queue",
     [](Config& c, const std::string& t) { return set_word(c.drain.queue, t, kQueueChoices); },
     [](const Config& c) { return get_word(c.drain.queue, kQueueChoices); }},
    {"store.interval",
     [](Config& c, const std::string& t) {
       return set_duration(c.store.interval, t, milliseconds(100), kDay);
     },
     [](const Config& c) { return format_duration(c.store.interval); }},
    {"store.scrollback",
     [](Config& c, const std::string& t) {
       return set_size(c.store.scrollback, t, 0, kMaxScrollback);
     },
     [](const Config& c) { return format_size(c.store.scrollback); }},
    {"store.keep",
     [](Config& c, const std::string& t) { return set_count(c.store.keep, t, 0, kMaxCount); },
     [](const Config& c) { return std::to_string(c.store.keep); }},
    {"store.keep_for",
     [](Config& c, const std::string& t) {
       return set_duration(c.store.keep_for, t, milliseconds(0), 3650 * kDay);
     },
     [](const Config& c) { return format_duration(c.store.keep_for); }},
};

const Key* find_key(const std::string& name) {
  const auto* key = std::find_if(std::begin(kKeys), std::end(kKeys),
                                 [&](const Key& k) { return name == k.name; });
  return key == std::end(kKeys) ? nullptr : key;
}

bool is_section(const std::string& name) {
  return std::any_of(std::begin(kKeys), std::end(kKeys), [&](const Key& k) {
    return std::string_view(k.name).starts_with(name + ".");
  });
}

// "drain.grace" is PTYD_DRAIN_GRACE.
std::string variable_for(const Key& key) {
  std::string name = "PTYD_";
  for (const char* c = key.name; *c != '\0'; ++c)
    name += *c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(*c)));
  return name;
}

class FileReader {
 public:
  FileReader(const std::string& path, ConfigResult& result) : path_(path), result_(result) {}

  void read(const YAML::Node& root) {
    if (root.IsNull()) return;  // an empty file
    if (!root.IsMap()) return problem(root.Mark(), "expected sections such as 'drain:'");
    for (const auto& section : root) read_section(section.first, section.second);
  }

  void problem(const YAML::Mark& mark, const std::string& text) {
    // Marks count from 0; -1 is "unknown".
    const auto line = mark.line >= 0 ? ":" + std::to_string(mark.line + 1) : "";
    result_.problems.push_back(path_ + line + ": " + text);
  }

 private:
  void read_section(const YAML::Node& name_node, const YAML::Node& section) {
    if (!name_node.IsScalar()) return problem(name_node.Mark(), "expected the name of a section");
    const auto& name = name_node.Scalar();
    if (!is_section(name))
      return problem(name_node.Mark(), "unknown section '" + printable(name) + "'");
    if (section.IsNull()) return;
    if (!section.IsMap())
      return problem(section.Mark(), "expected keys below '" + printable(name) + ":'");
    for (const auto& entry : section) read_key(name, entry.first, entry.second);
  }

  void read_key(const std::string& section, const YAML::Node& key_node, const YAML::Node& value) {
    if (!key_node.IsScalar()) return problem(key_node.Mark(), "expected the name of a key");
    const auto name = section + "." + key_node.Scalar();
    const auto* key = find_key(name);
    if (key == nullptr) return problem(key_node.Mark(), "unknown key '" + printable(name) + "'");
    if (std::find(seen_.begin(), seen_.end(), key) != seen_.end())
      return problem(key_node.Mark(), name + " is there twice");
    seen_.push_back(key);
    if (!value.IsScalar()) return problem(value.Mark(), name + ": expected a single value");
    const auto trouble = key->set(result_.config, value.Scalar());
    if (!trouble.empty())
      problem(value.Mark(), name + ": " + trouble + ", not '" + printable(value.Scalar()) + "'");
  }

  const std::string& path_;
  ConfigResult& result_;
  std::vector<const Key*> seen_;
};

}  // namespace

ConfigResult parse_config(const std::string& text, const std::string& path,
                          const Environment& environment) {
  ConfigResult result;
  FileReader reader(path, result);
  try {
    reader.read(YAML::Load(text));
  } catch (const YAML::Exception& e) {
    reader.problem(e.mark, "no valid YAML: " + printable(e.msg));
  }
  for (const auto& key : kKeys) {
    const auto variable = variable_for(key);
    const char* value = environment(variable);
    if (value == nullptr) continue;
    const auto trouble = key.set(result.config, value);
    if (!trouble.empty())
      result.problems.push_back(std::string("$").append(variable) + ": " + trouble + ", not '" +
                                printable(value) + "'");
  }
  return result;
}

ConfigResult load_config(const std::string& path, bool must_exist, const Environment& environment) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const int error = errno;
    if (error == ENOENT && !must_exist) return parse_config("", path, environment);
    return {{}, {path + ": cannot be read: " + std::generic_category().message(error)}};
  }
  std::string text(kMaxConfigSize + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (file.bad()) return {{}, {path + ": cannot be read"}};
  if (text.size() > kMaxConfigSize) return {{}, {path + ": too large for a configuration"}};
  return parse_config(text, path, environment);
}

std::vector<std::string> config_keys() {
  std::vector<std::string> names;
  for (const auto& key : kKeys) names.emplace_back(key.name);
  return names;
}

std::string config_value(const Config& config, const std::string& key) {
  const auto* found = find_key(key);
  return found == nullptr ? std::string() : found->get(config);
}

}  // namespace ptyd
