// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/state_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/session_name.hpp"
#include "common/unique_fd.hpp"

namespace ptyd {
namespace {

// All or nothing; what went wrong, or empty.
std::string write_all(int fd, std::span<const std::uint8_t> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const auto n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error_text("cannot write " + path, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

// And all of it on disk.
std::string write_new(const std::string& path, std::span<const std::uint8_t> bytes) {
  const UniqueFd fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return system_error_text("cannot create " + path, errno);
  auto problem = write_all(fd.get(), bytes, path);
  if (problem.empty() && ::fsync(fd.get()) < 0)
    problem = system_error_text("cannot sync " + path, errno);
  return problem;
}

constexpr char kAsideSuffix[] = ".corrupt";

std::optional<Json> load_record(const std::string& path, const std::string& id, std::size_t max,
                                int& error) {
  error = 0;
  if (!is_session_id(id)) return std::nullopt;
  const auto bytes = read_file(path, max, error);
  auto message = bytes ? decode_message(*bytes) : std::nullopt;
  if (!message || !message->body.empty()) return std::nullopt;
  const auto its_id = message->json.find("id");
  if (its_id == message->json.end() || *its_id != id) return std::nullopt;
  return std::move(message->json);
}

// 0 when it does not say.
std::int64_t version_of(const Json& record) {
  const auto version = record.find("formatVersion");
  const bool says = version != record.end() && version->is_number_integer();
  return says ? version->get<std::int64_t>() : 0;
}

// One of load_records().
void take_record(const std::string& folder, const std::string& id, std::size_t max,
                 LoadedRecords& loaded) {
  const auto path = folder + "/" + id + kRecordSuffix;
  int error = 0;
  auto record = load_record(path, id, max, error);
  if (error != 0) {
    loaded.problems.push_back(system_error_text(path + " cannot be read", error) +
                              "; leaving it alone");
    loaded.unreadable.insert(id);
  } else if (!record) {
    loaded.problems.push_back(path + " is damaged; " + set_record_aside(folder, id));
  } else if (version_of(*record) > kStateVersion) {
    loaded.problems.push_back(path + " was written by a newer ptyd (format " +
                              std::to_string(version_of(*record)) + ", this one knows " +
                              std::to_string(kStateVersion) + "); leaving it alone");
    loaded.newer.insert(id);
  } else {
    loaded.records.push_back(std::move(*record));
  }
}

}  // namespace

std::string system_error_text(const std::string& what, int error) {
  return what + ": " + std::generic_category().message(error);
}

std::string replace_file(const std::string& path, std::span<const std::uint8_t> bytes) {
  const auto temporary = path + kTemporarySuffix;
  auto problem = write_new(temporary, bytes);
  if (problem.empty() && ::rename(temporary.c_str(), path.c_str()) < 0)
    problem = system_error_text("cannot replace " + path, errno);
  if (!problem.empty()) ::unlink(temporary.c_str());
  return problem;
}

std::string try_folder(const std::string& folder) {
  const auto path = folder + "/try" + kTemporarySuffix;
  const Bytes block(4096, 0);  // a file without any may fit a disk that is full
  auto problem = write_new(path, block);
  if (::unlink(path.c_str()) < 0 && problem.empty())
    problem = system_error_text("cannot remove " + path, errno);
  return problem;
}

std::string sync_folder(const std::string& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) < 0) return system_error_text("cannot sync " + folder, errno);
  return {};
}

std::optional<Bytes> read_file(const std::string& path, std::size_t max, int& error) {
  error = 0;
  // Not through a link, and never waiting for a fifo that somebody put there.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) < 0) {
    if (errno != ELOOP) error = errno;
    return std::nullopt;
  }
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  if (static_cast<std::uint64_t>(status.st_size) > max) return std::nullopt;
  Bytes bytes(static_cast<std::size_t>(status.st_size));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto n = ::read(fd.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      error = errno;
      return std::nullopt;
    }
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

LoadedRecords load_records(const std::string& folder, std::size_t max) {
  LoadedRecords loaded;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.c_str()), &::closedir);
  if (!dir) {
    loaded.problems.push_back(system_error_text("cannot read " + folder, errno));
    return loaded;
  }
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (name.ends_with(kTemporarySuffix))
      // Left by a crash before its rename: it never was the state.
      ::unlink((folder + "/" + entry->d_name).c_str());
    else if (name.ends_with(kRecordSuffix))
      take_record(folder, std::string(name.substr(0, name.size() - (sizeof kRecordSuffix - 1))),
                  max, loaded);
  }
  return loaded;
}

std::string set_record_aside(const std::string& folder, const std::string& id) {
  const auto path = folder + "/" + id + kRecordSuffix;
  if (::rename(path.c_str(), (path + kAsideSuffix).c_str()) < 0)
    return system_error_text("it cannot be set aside", errno);
  return "set aside as " + id + kRecordSuffix + kAsideSuffix;
}

bool has_record(const std::string& folder, const std::string& id) {
  const auto path = folder + "/" + id + kRecordSuffix;
  return ::access(path.c_str(), F_OK) == 0 || ::access((path + kAsideSuffix).c_str(), F_OK) == 0;
}

void make_state_folder(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) < 0 && errno != EEXIST)
    throw std::system_error(errno, std::generic_category(), "cannot create " + folder);
  if (::access(folder.c_str(), R_OK | W_OK | X_OK) < 0)
    throw std::system_error(errno, std::generic_category(), "cannot use " + folder);
}

}  // namespace ptyd
