// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/service/config_file.hpp"

namespace ptyd {

template <typename Config>
struct ConfigEntry {
  const char* name;  // "drain.grace"
  // Sets the value; what is wrong with the text otherwise, as "expected …".
  std::string (*set)(Config&, const std::string&);
  // The value as the file would have it.
  std::string (*get)(const Config&);
};

template <typename Config>
struct ConfigResult {
  Config config;
  std::vector<std::string> problems;  // see load_config_file()
};

// All keys of a program's configuration, in the order of its file. `entries` and `prefix` live as
// long as the program.
template <typename Config>
class ConfigTable {
 public:
  constexpr ConfigTable(std::span<const ConfigEntry<Config>> entries, const char* prefix)
      : entries_(entries), prefix_(prefix) {}

  // See load_config_file() and parse_config_text().
  [[nodiscard]] ConfigResult<Config> load(const std::string& path, bool must_exist,
                                          const Environment& environment) const {
    ConfigResult<Config> result;
    result.problems =
        load_config_file(path, must_exist, prefix_, environment, keys_of(result.config));
    return result;
  }
  [[nodiscard]] ConfigResult<Config> parse(const std::string& text, const std::string& path,
                                           const Environment& environment) const {
    ConfigResult<Config> result;
    result.problems = parse_config_text(text, path, prefix_, environment, keys_of(result.config));
    return result;
  }
  [[nodiscard]] std::span<const ConfigEntry<Config>> entries() const { return entries_; }

 private:
  std::vector<ConfigKey> keys_of(Config& config) const {
    std::vector<ConfigKey> keys;
    for (const auto& entry : entries_)
      keys.push_back(
          {entry.name, [&](const std::string& text) { return entry.set(config, text); }});
    return keys;
  }

  std::span<const ConfigEntry<Config>> entries_;
  const char* prefix_;
};

}  // namespace ptyd
