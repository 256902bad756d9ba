// SPDX-License-Identifier: LGPL-2.1-or-later
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>

#include "common/text.hpp"
#include "ctl/cli.hpp"
#include "ctl/connection.hpp"

namespace ptyd {
namespace {

constexpr std::size_t kMaxSend = 32 * 1024;  // what one request may carry

struct SendOptions {
  std::string session;
  std::vector<std::string> words;
  std::string input;  // the words joined and unescaped
  bool from_stdin = false;
};

int send_piece(Connection& connection, const std::string& session,
               std::span<const std::uint8_t> piece) {
  Connection::Request request{"send", {{"session", session}}};
  request.body = piece;
  // A program that reads no input makes this wait.
  const auto reply = connection.call(request);
  if (!reply.failure) return kSucceeded;
  print_error(reply.failure->message);
  return kFailed;
}

int send_stdin(Connection& connection, const std::string& session) {
  Bytes buffer(kMaxSend);
  while (true) {
    const auto size = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) {
      print_error(std::string("cannot read standard input: ") +
                  std::generic_category().message(errno));
      return kFailed;
    }
    if (size == 0) return kSucceeded;
    const auto piece = std::span<const std::uint8_t>(buffer).first(static_cast<std::size_t>(size));
    if (const int status = send_piece(connection, session, piece); status != kSucceeded)
      return status;
  }
}

int send_text(Connection& connection, const std::string& session, std::string_view text) {
  for (; !text.empty(); text.remove_prefix(std::min(text.size(), kMaxSend))) {
    const auto piece = as_bytes(text.substr(0, kMaxSend));
    if (const int status = send_piece(connection, session, piece); status != kSucceeded)
      return status;
  }
  return kSucceeded;
}

int run_send(const GlobalOptions& global, const SendOptions& options) {
  return with_connection(global, [&](Connection& connection) {
    return options.from_stdin ? send_stdin(connection, options.session)
                              : send_text(connection, options.session, options.input);
  });
}

int run_capture(const GlobalOptions& global, const std::string& session, std::uint32_t lines) {
  return with_connection(global, [&](Connection& connection) {
    int status = kSucceeded;
    Connection::Request request{"capture", {{"session", session}}};
    if (lines > 0) request.params["lines"] = lines;
    request.on_item = [&status](const Json&, std::span<const std::uint8_t> body) {
      if (status == kSucceeded) status = print(body);
    };
    const auto reply = connection.call(request);
    if (!reply.failure) return status;
    print_error(reply.failure->message);
    return kFailed;
  });
}

void prepare_send(Cli& cli, SendOptions& options) {
  for (auto& word : options.words) word = unguarded(std::move(word));
  if (cli.literal) {
    cli.literal_used = true;
    options.words.insert(options.words.end(), cli.literal->begin(), cli.literal->end());
  }
  if (options.words.empty()) throw_usage("there is no text to send");
  options.from_stdin = !cli.literal && options.words == std::vector<std::string>{"-"};
  if (options.from_stdin) return;
  for (const auto& word : options.words) {
    std::string problem;
    const auto text = unescaped(word, problem);
    if (!text) throw_usage(problem + " in '" + printable(word) + "'");
    if (&word != &options.words.front()) options.input += ' ';
    options.input += *text;
  }
}

void add_send(CLI::App& app, Cli& cli) {
  auto options = std::make_shared<SendOptions>();
  auto* verb = app.add_subcommand("send", "Type text into a session");
  verb->footer(
      "Words are joined with a space. C escapes such as \\n, \\t, \\e, \\x1b and \\cC are "
      "understood;"
      "\nno line end is added. A single - types standard input as it is. Text that begins with a\n"
      "dash goes behind --.");
  add_session_argument(*verb, options->session);
  verb->add_option("text", options->words, "What to type, or -")->type_name("TEXT");
  verb->callback([&cli, options] {
    prepare_send(cli, *options);
    cli.action = [&cli, options] { return run_send(cli.options, *options); };
  });
}

void add_capture(CLI::App& app, Cli& cli) {
  struct CaptureOptions {
    std::string session;
    std::uint32_t lines = 0;
  };
  auto options = std::make_shared<CaptureOptions>();
  auto* verb = app.add_subcommand("capture", "Print what a session has printed, as raw bytes");
  add_session_argument(*verb, options->session);
  verb->add_option("--lines", options->lines, "Only the last lines")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  verb->callback([&cli, options] {
    cli.action = [&cli, options] {
      return run_capture(cli.options, options->session, options->lines);
    };
  });
}

}  // namespace

void add_text_verbs(CLI::App& app, Cli& cli) {
  add_send(app, cli);
  add_capture(app, cli);
}

}  // namespace ptyd
