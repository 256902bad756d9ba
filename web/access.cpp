// SPDX-License-Identifier: LGPL-2.1-or-later
#include "web/access.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <system_error>

#include "common/message.hpp"
#include "common/user_database.hpp"

namespace ptyd::web {
namespace {

// More than a person has browsers: a limit for a script that runs wild.
constexpr std::size_t kMaxGrants = 500;
constexpr std::size_t kMaxFileSize = 4096;
constexpr std::size_t kIdBytes = 6;
constexpr std::size_t kRandomBytes = 32;
constexpr char kSuffix[] = ".json";

std::string random_hex(std::size_t bytes) {
  std::array<std::uint8_t, kRandomBytes> random;
  // Up to 256 bytes come at once and whole, once the kernel has some at all (getrandom(2)).
  if (::getrandom(random.data(), bytes, 0) != static_cast<ssize_t>(bytes))
    throw std::system_error(errno, std::generic_category(), "getrandom");
  std::string text;
  std::array<char, 3> digits;
  for (std::size_t i = 0; i < bytes; ++i) {
    std::snprintf(digits.data(), digits.size(), "%02x", unsigned{random[i]});
    text += digits.data();
  }
  return text;
}

bool is_hex(std::string_view text, std::size_t bytes) {
  return text.size() == 2 * bytes &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Takes as long whatever the difference.
bool same_secret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  int difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= a[i] ^ b[i];
  return difference == 0;
}

std::optional<Grant::Kind> parse_kind(std::string_view word) {
  for (const auto kind : {Grant::Kind::kTicket, Grant::Kind::kBrowser, Grant::Kind::kToken})
    if (word == to_string(kind)) return kind;
  return std::nullopt;
}

bool has_expired(const Grant& grant) {
  return grant.expires_at <= std::chrono::system_clock::now();
}

}  // namespace

struct AccessFolder::File {
  Grant grant;
  std::string random;
};

const char* to_string(Grant::Kind kind) {
  switch (kind) {
    case Grant::Kind::kTicket: return "ticket";
    case Grant::Kind::kBrowser: return "browser";
    case Grant::Kind::kToken: return "token";
  }
  return "";
}

AccessFolder::AccessFolder(std::string path) : path_(std::move(path)) {
  if (::mkdir(path_.c_str(), 0700) < 0 && errno != EEXIST)
    throw std::runtime_error("cannot create " + path_ + ": " +
                             std::generic_category().message(errno));
  struct stat status {};
  if (::lstat(path_.c_str(), &status) < 0 || !S_ISDIR(status.st_mode) ||
      status.st_uid != ::geteuid() || (status.st_mode & 077) != 0)
    throw std::runtime_error(path_ + " must be a folder of your own with mode 0700");
}

std::string AccessFolder::file_of(const std::string& id) const {
  return path_ + "/" + id + kSuffix;
}

std::optional<AccessFolder::File> AccessFolder::read(const std::string& id) const {
  const UniqueFd fd(::open(file_of(id).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  std::string text(kMaxFileSize, '\0');
  const auto size = fd ? ::read(fd.get(), text.data(), text.size()) : -1;
  if (size <= 0) return std::nullopt;
  const auto message = decode_message(as_bytes(std::string_view(text).substr(0, size)));
  if (!message) return std::nullopt;
  File file;
  const auto kind = parse_kind(text_of(message->json, "kind"));
  const auto created_at = time_of(message->json, "createdAt");
  const auto expires_at = time_of(message->json, "expiresAt");
  if (!kind || !created_at || !expires_at) return std::nullopt;
  file.grant = {id,
                *kind,
                flag_of(message->json, "readOnly"),
                text_of(message->json, "session"),
                *created_at,
                *expires_at};
  file.random = text_of(message->json, "secret");
  if (!is_hex(file.random, kRandomBytes)) return std::nullopt;
  return file;
}

bool AccessFolder::write(const Grant& grant, const std::string& random,
                         std::string& problem) const {
  const auto text = to_text({{"kind", to_string(grant.kind)},
                             {"secret", random},
                             {"readOnly", grant.read_only},
                             {"session", grant.session},
                             {"createdAt", format_utc(grant.created_at)},
                             {"expiresAt", format_utc(grant.expires_at)}});
  const auto temporary = path_ + "/." + grant.id;
  const UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::rename(temporary.c_str(), file_of(grant.id).c_str()) == 0)
    return true;
  problem = "cannot write to " + path_ + ": " + std::generic_category().message(errno);
  ::unlink(temporary.c_str());
  return false;
}

std::optional<std::pair<Grant, std::string>> AccessFolder::issue(Grant grant,
                                                                 std::string& problem) {
  if (list().size() >= kMaxGrants) {
    problem = "there are " + std::to_string(kMaxGrants) +
              " tickets and browsers already: revoke some first";
    return std::nullopt;
  }
  grant.id = random_hex(kIdBytes);
  grant.created_at = std::chrono::system_clock::now();
  const auto random = random_hex(kRandomBytes);
  if (!write(grant, random, problem)) return std::nullopt;
  return std::pair(grant, grant.id + "." + random);
}

std::optional<Grant> AccessFolder::find(std::string_view secret) const {
  const auto dot = secret.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string id(secret.substr(0, dot));
  if (!is_hex(id, kIdBytes)) return std::nullopt;
  const auto file = read(id);
  if (!file || !same_secret(file->random, secret.substr(dot + 1)) || has_expired(file->grant))
    return std::nullopt;
  return file->grant;
}

std::optional<std::pair<Grant, std::string>> AccessFolder::redeem(
    std::string_view ticket, std::chrono::milliseconds lifetime) {
  auto grant = find(ticket);
  // Whoever removes the file has it, of all that try at once.
  if (!grant || grant->kind != Grant::Kind::kTicket || !revoke(grant->id)) return std::nullopt;
  grant->kind = Grant::Kind::kBrowser;
  grant->expires_at = std::chrono::system_clock::now() + lifetime;
  std::string problem;
  return issue(*grant, problem);
}

std::vector<Grant> AccessFolder::list() {
  std::vector<Grant> grants;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path_.c_str()), &::closedir);
  if (!dir) return grants;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): safe with a stream of its own
  while (const dirent* entry = ::readdir(dir.get())) {
    std::string_view id = entry->d_name;
    if (!id.ends_with(kSuffix)) continue;
    id.remove_suffix(sizeof kSuffix - 1);
    if (!is_hex(id, kIdBytes)) continue;
    const auto file = read(std::string(id));
    if (!file) continue;
    if (has_expired(file->grant))
      revoke(file->grant.id);
    else
      grants.push_back(file->grant);
  }
  std::sort(grants.begin(), grants.end(),
            [](const Grant& a, const Grant& b) { return a.created_at < b.created_at; });
  return grants;
}

bool AccessFolder::revoke(const std::string& id) {
  return is_hex(id, kIdBytes) && ::unlink(file_of(id).c_str()) == 0;
}

bool AccessFolder::holds(const Grant& grant) const {
  return !has_expired(grant) && ::access(file_of(grant.id).c_str(), F_OK) == 0;
}

void AccessFolder::watch(EventLoop& loop, std::function<void()> on_removed) {
  inotify_ = UniqueFd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify_ || ::inotify_add_watch(inotify_.get(), path_.c_str(),
                                       IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF) < 0)
    throw std::system_error(errno, std::generic_category(), "inotify");
  watch_ = std::make_unique<IoWatch>(
      loop, inotify_.get(), EPOLLIN, [this, on_removed = std::move(on_removed)](std::uint32_t) {
        std::array<char, kMaxFileSize> events;  // which ones does not matter
        while (::read(inotify_.get(), events.data(), events.size()) > 0) continue;
        on_removed();
      });
}

std::optional<std::string> access_folder(const std::string& configured,
                                         const Environment& environment, std::string& problem) {
  if (!configured.empty()) return configured;
  for (const auto& [name, suffix] :
       {std::pair("RUNTIME_DIRECTORY", ""), std::pair("XDG_RUNTIME_DIR", "/ptyd-web")})
    if (const char* folder = environment(name); folder != nullptr && *folder != '\0')
      return std::string(folder) + suffix;
  const auto user = look_up_user(::geteuid()).name;
  auto of_machine = "/run/ptyd-web/" + user;
  if (::access(of_machine.c_str(), F_OK) == 0) return of_machine;
  problem = "there is neither $XDG_RUNTIME_DIR nor " + of_machine +
            ": log in properly, or start ptyd-web@" + user + ".service first";
  return std::nullopt;
}

}  // namespace ptyd::web
