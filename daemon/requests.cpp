// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/requests.hpp"

#include <utility>

#include "common/service/log.hpp"
#include "common/text.hpp"

namespace ptyd {
namespace {

constexpr char kAbandoned[] = "abandoned";
// A line each, of those that a stop could not wait for.
constexpr std::size_t kMaxLogged = 10;

}  // namespace

Request::Request(Requests& requests, std::uint64_t number, std::string method, std::string caller,
                 Kind kind)
    : requests_(requests),
      number_(number),
      id_(std::to_string(number)),
      method_(std::move(method)),
      caller_(std::move(caller)),
      kind_(kind),
      begun_(Clock::now()) {}

Request::~Request() { (void)finish(kAbandoned); }

bool Request::finish(const char* outcome) {
  if (std::exchange(answered_, true)) return false;
  requests_.on_finished(*this, outcome);
  refuse_ = nullptr;
  return true;
}

std::shared_ptr<Request> Requests::begin(std::string method, const Caller& caller,
                                         Request::Kind kind, Request::Refuse refuse) {
  const auto number = ++last_number_;
  std::shared_ptr<Request> request(
      new Request(*this, number, std::move(method), caller.label, kind));
  if (kind == Request::Kind::kBrief) ++brief_;
  request->refuse_ = std::move(refuse);
  open_[number] = request.get();
  ++by_method_[request->method_].begun;
  log::debug(caller.label + " requests " + request->method_,
             {{"PTYD_CLIENT", caller.label}, {"PTYD_REQUEST_ID", request->id_}});
  return request;
}

void Requests::on_finished(const Request& request, const char* outcome) {
  open_.erase(request.number_);
  const auto took = Clock::now() - request.begun_;
  auto& counts = by_method_[request.method_];
  ++counts.finished;
  counts.time += took;
  if (outcome != nullptr) ++failures_[outcome];
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(took);
  log::debug(request.caller_ + ": " + request.method_ + " " +
                 (outcome == nullptr ? "done" : std::string("failed (") + outcome + ")") +
                 " after " + format_duration(ms),
             {{"PTYD_CLIENT", request.caller_},
              {"PTYD_REQUEST_ID", request.id_},
              {"PTYD_ELAPSED_MS", std::to_string(ms.count())}});
  if (request.kind_ == Request::Kind::kBrief && --brief_ == 0 && on_brief_done_) on_brief_done_();
}

void Requests::log_brief() const {
  std::size_t left = kMaxLogged;
  for (const auto& [number, request] : open_) {
    if (request->kind_ != Request::Kind::kBrief) continue;
    if (left-- == 0) return log::warn("and " + std::to_string(brief_ - kMaxLogged) + " more");
    log::warn("Request " + request->id_ + " (" + request->method_ + ", of " + request->caller_ +
                  ") is not finished",
              {{"PTYD_CLIENT", request->caller_}, {"PTYD_REQUEST_ID", request->id_}});
  }
}

void Requests::refuse_all(const Error& error) {
  if (!open_.empty())
    log::info("Refusing " + std::to_string(open_.size()) +
              (open_.size() == 1 ? " request" : " requests") +
              " that cannot be finished: " + error.message);
  log_brief();
  while (!open_.empty()) {
    auto* request = open_.begin()->second;
    // Whoever answers tells the request, which takes it off the list; one whose client has left
    // meanwhile is not answered.
    if (const auto refuse = std::exchange(request->refuse_, nullptr)) refuse(*request, error);
    const auto first = open_.begin();
    if (first != open_.end() && first->second == request) (void)request->finish(kAbandoned);
  }
}

}  // namespace ptyd
