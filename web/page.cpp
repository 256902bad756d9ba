// SPDX-License-Identifier: LGPL-2.1-or-later
#include "web/page.hpp"

#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <system_error>

namespace ptyd::web {
namespace {

// The page takes about half a megabyte: more is the wrong folder.
constexpr std::size_t kMaxFile = 8 * 1024 * 1024;
constexpr std::size_t kMaxFiles = 64;

constexpr std::array<std::pair<const char*, const char*>, 6> kTypes{{
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".txt", "text/plain; charset=utf-8"},
    {".webmanifest", "application/manifest+json"},
}};

std::string type_of(const std::string& name) {
  for (const auto& [suffix, type] : kTypes)
    if (name.ends_with(suffix)) return type;
  return {};
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string content(kMaxFile + 1, '\0');
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<std::size_t>(file.gcount()));
  if (file.bad() || content.size() > kMaxFile)
    throw std::runtime_error(path.string() + " cannot be read, or is no file of the page");
  content.shrink_to_fit();
  return content;
}

// FNV-1a: tells versions of a file apart, and need not resist anybody.
std::string tag_of(const std::string& content) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : content) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
  return "\"" + std::to_string(hash) + "\"";
}

}  // namespace

Page::Page(const std::string& folder) {
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  if (error) throw std::runtime_error("the page is not in " + folder + ": " + error.message());
  for (const auto& entry : entries) {
    const auto name = entry.path().filename().string();
    const auto type = type_of(name);
    if (type.empty()) continue;
    if (files_.size() >= kMaxFiles) throw std::runtime_error(folder + " has too many files");
    auto content = read_file(entry.path());
    const auto compressed = entry.path().string() + ".gz";
    File file{type, std::move(content), {}, {}};
    file.tag = tag_of(file.content);
    if (std::filesystem::exists(compressed, error)) file.compressed = read_file(compressed);
    files_.emplace("/" + name, std::move(file));
  }
  const auto index = files_.extract("/index.html");
  if (index.empty()) throw std::runtime_error("the page is not in " + folder + ": no index.html");
  files_.emplace("/", std::move(index.mapped()));
}

std::optional<Response> Page::get(const Request& request, std::string_view path) const {
  const auto found = files_.find(path);
  if (found == files_.end()) return std::nullopt;
  const auto& file = found->second;
  const auto accepted = to_view(request[http::field::accept_encoding]);
  const bool compressed =
      !file.compressed.empty() && accepted.find("gzip") != std::string_view::npos;
  Response response;
  if (to_view(request[http::field::if_none_match]) == file.tag) {
    response.result(http::status::not_modified);
  } else {
    response = make_text(http::status::ok, compressed ? file.compressed : file.content, file.type);
    if (compressed) response.set(http::field::content_encoding, "gzip");
  }
  response.set(http::field::etag, file.tag);
  response.set(http::field::vary, "Accept-Encoding");
  response.set(http::field::cache_control, "no-cache");
  return response;
}

std::string find_page() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  for (const auto& candidate :
       {std::string(PTYD_WEB_PAGE_DIR), (program.parent_path() / "page").string()})
    if (::access((candidate + "/index.html").c_str(), R_OK) == 0) return candidate;
  return {};
}

}  // namespace ptyd::web
