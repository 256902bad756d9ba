// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "common/message.hpp"
#include "common/wire.hpp"

// How state gets to the disk and back, for all who keep some. All of it blocks: for the start-up
// and for worker threads. What went wrong comes back as one line for people, empty when nothing
// did.
namespace ptyd {

inline constexpr char kTemporarySuffix[] = ".tmp";

// "WHAT: No space left on device".
std::string system_error_text(const std::string& what, int error);
// The old file or the new one (0600), whatever happens: temporary file, fsync, rename. The caller
// syncs the folder.
std::string replace_file(const std::string& path, std::span<const std::uint8_t> bytes);
// Whether a file could be written there.
std::string try_folder(const std::string& folder);
std::string sync_folder(const std::string& folder);
// Nothing, with `error` 0, for what is no regular file or larger than `max`; nothing, with errno in
// `error`, for what cannot be read.
std::optional<Bytes> read_file(const std::string& path, std::size_t max, int& error);

// The format of what this version writes, "formatVersion" in every record. It reads all older ones:
// 2 says of each session what a drain does to it, whether it is supervised and which unit it has.
inline constexpr int kStateVersion = 3;

// One JSON object a file, FOLDER/ID.json, with its "id".
inline constexpr char kRecordSuffix[] = ".json";

struct LoadedRecords {
  std::vector<Json> records;
  std::vector<std::string> problems;  // one line each
  std::set<std::string> newer;        // the ids of those that only a newer version understands
  std::set<std::string> unreadable;   // the ids of those that could not be read, but may be later
};
// All that are no larger than `max` bytes, in no order. Damaged files are set aside as *.corrupt;
// those of a newer version are left alone, for when that is back, and so are those that the system
// does not let us read now (EIO, EMFILE). Removes temporary files of a crash.
LoadedRecords load_records(const std::string& folder, std::size_t max);
// For a record that makes no sense: ID.json.corrupt. What became of it, for the log.
std::string set_record_aside(const std::string& folder, const std::string& id);
// Whether there is one, sound or set aside.
bool has_record(const std::string& folder, const std::string& id);

// Makes the folder (0700) unless it is there; throws std::system_error when it cannot be used.
void make_state_folder(const std::string& folder);

}  // namespace ptyd
