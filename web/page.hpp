// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <map>
#include <string>

#include "web/http.hpp"

namespace ptyd::web {

// The files of the page, read once into memory, so that the event loop never waits for the disk,
// and an upgrade does not mix two of them.
class Page {
 public:
  // Throws std::runtime_error when the folder has no index.html, or more than a page can be.
  explicit Page(const std::string& folder);

  // The file for a GET of `path`; nothing when there is none.
  [[nodiscard]] std::optional<Response> get(const Request& request, std::string_view path) const;

 private:
  struct File {
    std::string type;
    std::string content;
    std::string compressed;  // gzip; may be empty
    std::string tag;         // ETag
  };
  std::map<std::string, File, std::less<>> files_;
};

// Where the page was installed, or in the build tree; empty if nowhere.
std::string find_page();

}  // namespace ptyd::web
