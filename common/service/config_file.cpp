// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/service/config_file.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <string_view>
#include <system_error>

#include "common/text.hpp"

namespace ptyd {
namespace {

using std::chrono::milliseconds;

// A configuration is a page or two; more is the wrong file.
constexpr std::size_t kMaxConfigSize = 256 * 1024;

const ConfigKey* find_key(const std::vector<ConfigKey>& keys, const std::string& name) {
  const auto key =
      std::find_if(keys.begin(), keys.end(), [&](const ConfigKey& k) { return name == k.name; });
  return key == keys.end() ? nullptr : &*key;
}

bool is_section(const std::vector<ConfigKey>& keys, const std::string& name) {
  return std::any_of(keys.begin(), keys.end(), [&](const ConfigKey& k) {
    return std::string_view(k.name).starts_with(name + ".");
  });
}

std::string variable_for(const std::string& prefix, const ConfigKey& key) {
  std::string name = prefix;
  for (const char c : key.name)
    name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

class FileReader {
 public:
  FileReader(const std::string& path, const std::vector<ConfigKey>& keys,
             std::vector<std::string>& problems)
      : path_(path), keys_(keys), problems_(problems) {}

  void read(const YAML::Node& root) {
    if (root.IsNull()) return;  // an empty file
    if (!root.IsMap())
      return problem(root.Mark(), "expected sections such as '" + section() + ":'");
    for (const auto& entry : root) read_section(entry.first, entry.second);
  }

  void problem(const YAML::Mark& mark, const std::string& text) {
    // Marks count from 0; -1 is "unknown".
    const auto line = mark.line >= 0 ? ":" + std::to_string(mark.line + 1) : "";
    problems_.push_back(path_ + line + ": " + text);
  }

 private:
  // One there is, as an example.
  [[nodiscard]] std::string section() const {
    const auto& name = keys_.front().name;
    return name.substr(0, name.find('.'));
  }

  void read_section(const YAML::Node& name_node, const YAML::Node& section) {
    if (!name_node.IsScalar()) return problem(name_node.Mark(), "expected the name of a section");
    const auto& name = name_node.Scalar();
    if (!is_section(keys_, name))
      return problem(name_node.Mark(), "unknown section '" + printable(name) + "'");
    if (section.IsNull()) return;
    if (!section.IsMap())
      return problem(section.Mark(), "expected keys below '" + printable(name) + ":'");
    for (const auto& entry : section) read_key(name, entry.first, entry.second);
  }

  void read_key(const std::string& section, const YAML::Node& key_node, const YAML::Node& value) {
    if (!key_node.IsScalar()) return problem(key_node.Mark(), "expected the name of a key");
    const auto name = section + "." + key_node.Scalar();
    const auto* key = find_key(keys_, name);
    if (key == nullptr) return problem(key_node.Mark(), "unknown key '" + printable(name) + "'");
    if (std::find(seen_.begin(), seen_.end(), key) != seen_.end())
      return problem(key_node.Mark(), name + " is there twice");
    seen_.push_back(key);
    if (!value.IsScalar()) return problem(value.Mark(), name + ": expected a single value");
    const auto trouble = key->set(value.Scalar());
    if (!trouble.empty())
      problem(value.Mark(), name + ": " + trouble + ", not '" + printable(value.Scalar()) + "'");
  }

  const std::string& path_;
  const std::vector<ConfigKey>& keys_;
  std::vector<std::string>& problems_;
  std::vector<const ConfigKey*> seen_;
};

}  // namespace

std::vector<std::string> parse_config_text(const std::string& text, const std::string& path,
                                           const std::string& prefix,
                                           const Environment& environment,
                                           const std::vector<ConfigKey>& keys) {
  std::vector<std::string> problems;
  FileReader reader(path, keys, problems);
  try {
    reader.read(YAML::Load(text));
  } catch (const YAML::Exception& e) {
    reader.problem(e.mark, "no valid YAML: " + printable(e.msg));
  }
  for (const auto& key : keys) {
    const auto variable = variable_for(prefix, key);
    const char* value = environment(variable);
    if (value == nullptr) continue;
    const auto trouble = key.set(value);
    if (!trouble.empty())
      problems.push_back(std::string("$").append(variable) + ": " + trouble + ", not '" +
                         printable(value) + "'");
  }
  return problems;
}

std::vector<std::string> load_config_file(const std::string& path, bool must_exist,
                                          const std::string& prefix, const Environment& environment,
                                          const std::vector<ConfigKey>& keys) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const int error = errno;
    if (error == ENOENT && !must_exist)
      return parse_config_text("", path, prefix, environment, keys);
    return {path + ": cannot be read: " + std::generic_category().message(error)};
  }
  std::string text(kMaxConfigSize + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (file.bad()) return {path + ": cannot be read"};
  if (text.size() > kMaxConfigSize) return {path + ": too large for a configuration"};
  return parse_config_text(text, path, prefix, environment, keys);
}

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

}  // namespace ptyd
