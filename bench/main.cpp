// SPDX-License-Identifier: LGPL-2.1-or-later
// Compares ptyd with other managers of sessions, all of them on this machine and in turns, so that
// what disturbs one disturbs all. Prints medians, and ratios, which hold where times drift.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <regex>

#include "bench/managers.hpp"
#include "bench/measures.hpp"
#include "bench/program.hpp"

namespace {

using namespace ptyd::bench;

// Whom ptyd is compared with in the last columns.
constexpr const char* kPeers[] = {"relay", "relay-pty", "dtach", "tmux"};

struct Options {
  int rounds = 5;
  double scale = 1;
  std::string measures = ".*", managers = ".*";
  std::vector<std::string> program;  // KIND BYTES: what runs in sessions
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

using Medians = std::map<std::string, double>;  // by the manager's name

Medians run(const Measure& measure, const std::vector<Manager>& managers, int rounds) {
  std::map<std::string, std::vector<double>> values;
  for (int round = 0; round < rounds; ++round)
    for (const auto& manager : managers) try {
        if (const auto value = measure.round(manager)) values[manager.name].push_back(*value);
      } catch (const std::exception& error) {
        std::fprintf(stderr, "%s, %s: %s\n", measure.name.c_str(), manager.name.c_str(),
                     error.what());
      }
  Medians medians;
  for (const auto& [name, list] : values) medians[name] = median(list);
  return medians;
}

std::string figure(const Medians& medians, const std::string& manager) {
  const auto found = medians.find(manager);
  if (found == medians.end()) return "–";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), found->second < 10 ? "%.2f" : "%.0f", found->second);
  return text.data();
}

std::string ratio(const Medians& medians, const std::string& peer) {
  const auto own = medians.find("ptyd");
  const auto other = medians.find(peer);
  if (own == medians.end() || other == medians.end() || other->second <= 0) return "–";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f", own->second / other->second);
  return text.data();
}

void print_row(const std::vector<std::string>& cells) {
  for (const auto& cell : cells) std::printf("| %s ", cell.c_str());
  std::printf("|\n");
  std::fflush(stdout);
}

void compare(const Options& options) {
  const std::regex wanted_managers(options.managers);
  const std::regex wanted_measures(options.measures);
  std::vector<Manager> chosen;
  for (auto& manager : managers())
    if (std::regex_match(manager.name, wanted_managers)) chosen.push_back(std::move(manager));
  std::vector<std::string> cells{"median of " + std::to_string(options.rounds)};
  for (const auto& manager : chosen) cells.push_back(manager.name);
  for (const auto* peer : kPeers) cells.push_back(std::string("ptyd / ") + peer);
  print_row(cells);
  print_row(std::vector<std::string>(cells.size(), "---"));
  for (const auto& measure : measures(options.scale)) {
    if (!std::regex_search(measure.name, wanted_measures)) continue;
    const auto medians = run(measure, chosen, options.rounds);
    cells = {measure.unit.empty() ? measure.name : measure.name + ", " + measure.unit};
    for (const auto& manager : chosen) cells.push_back(figure(medians, manager.name));
    for (const auto* peer : kPeers) cells.push_back(ratio(medians, peer));
    print_row(cells);
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Compares ptyd with other managers of terminal sessions.", "ptyd_bench");
  app.add_option("--rounds", options.rounds, "How often each figure is taken")
      ->check(CLI::Range(1, 1000));
  app.add_option("--scale", options.scale, "How long a round is: 0.1 is a quick look")
      ->check(CLI::Range(0.001, 100.0));
  app.add_option("--measures", options.measures, "Only those whose name matches this regex");
  app.add_option("--managers", options.managers, "Only those whose name is this regex");
  app.add_option("--program", options.program, "Be what runs in a session: KIND BYTES")
      ->expected(2);
  CLI11_PARSE(app, argc, argv);
  if (!options.program.empty())
    return run_program(options.program[0], std::stoul(options.program[1]));
  ::signal(SIGPIPE, SIG_IGN);
  clean_up_on_signals();
  compare(options);
  return 0;
}
