// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <spdlog/common.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "common/service/config_table.hpp"

namespace ptyd::web {

inline constexpr char kDefaultUrl[] = "http://127.0.0.1:7681";

// Every key of config/ptyd-web.yaml, which says what each means.
struct Config {
  struct {
    spdlog::level::level_enum level = spdlog::level::info;
    log::Target target = log::Target::kAuto;
  } log;
  struct {
    std::string url = kDefaultUrl;     // as browsers have it, without a slash at its end
    std::vector<std::string> origins;  // beside that of `url`
    std::string folder;                // of the page; empty: where it was installed
  } site;
  struct {
    std::string socket;  // empty: as ptyctl chooses
  } daemon;
  struct {
    std::chrono::milliseconds ticket{std::chrono::minutes(10)};
    std::chrono::milliseconds browser{std::chrono::hours(12)};
    std::string folder;  // empty: see access_folder()
  } access;
  struct {
    std::uint64_t connections = 1000;
    std::uint64_t websockets = 600;
    std::uint64_t requests_per_second = 50;
  } limits;
};

// Of config/ptyd-web.yaml; PTYD_WEB_SITE_URL is site.url.
const ConfigTable<Config>& config_table();
// The file of ptyd-web and `ptyctl web`: $PTYD_WEB_CONFIG, else the user's own, else the machine's.
std::string find_config(const Environment& environment);

// What is wrong with a text as an origin ("https://host" or "http://host:port"), or empty.
std::string origin_problem(const std::string& origin);

}  // namespace ptyd::web
