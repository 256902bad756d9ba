// SPDX-License-Identifier: LGPL-2.1-or-later
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>

#include "common/terminal/screen.hpp"
#include "common/text.hpp"
#include "ctl/cli.hpp"
#include "ctl/connection.hpp"
#include "ctl/session_view.hpp"

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

struct CaptureOptions {
  std::string session;
  std::uint32_t lines = 0;
  bool screen = false;
  bool text = false;
  bool colour = false;
};

// The output as a terminal of the session's size shows it at the end, or, as text, all of it.
std::string as_terminal_text(const Bytes& output, TerminalSize size,
                             const CaptureOptions& options) {
  Screen screen(is_valid(size) ? size : TerminalSize{});
  std::string text;
  if (options.text)
    screen.set_on_line([&text](std::string_view line,
                               bool wrapped) { text.append(line).append(wrapped ? "" : "\n"); },
                       options.colour);
  screen.feed(output);
  return text + screen.draw_lines(options.colour);
}

std::string_view last_lines(std::string_view text, std::uint32_t lines) {
  auto start = text.size();
  for (; lines > 0 && start > 0; --lines) {
    const auto end_before = text.rfind('\n', start - 1);
    const auto newline = end_before == 0 || end_before == std::string_view::npos
                             ? std::string_view::npos
                             : text.rfind('\n', end_before - 1);
    start = newline == std::string_view::npos ? 0 : newline + 1;
  }
  return text.substr(start);
}

int run_capture(const GlobalOptions& global, const CaptureOptions& options) {
  return with_connection(global, [&](Connection& connection) {
    const auto status = connection.call({"status", {{"session", options.session}}});
    if (status.failure) {
      print_error(status.failure->message);
      return kFailed;
    }
    const SessionView session(status.result);
    // Of a session that has ended there is only the output.
    const bool here = options.text || (options.screen && session.has_ended());
    Connection::Request request{"capture", {{"session", session.id}}};
    if (!here && options.lines > 0) request.params["lines"] = options.lines;
    if (!here && options.screen) request.params["screen"] = true;
    if (!here && options.screen && options.colour) request.params["colour"] = true;
    Bytes output;
    request.on_item = [&output](const Json&, std::span<const std::uint8_t> body) {
      output.insert(output.end(), body.begin(), body.end());
    };
    const auto reply = connection.call(request);
    if (reply.failure) {
      print_error(reply.failure->message);
      return kFailed;
    }
    if (!here) return print(output);
    const TerminalSize size{static_cast<std::uint16_t>(session.rows),
                            static_cast<std::uint16_t>(session.columns)};
    const auto text = as_terminal_text(output, size, options);
    return print(as_bytes(options.lines > 0 ? last_lines(text, options.lines) : text));
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
  auto options = std::make_shared<CaptureOptions>();
  auto* verb = app.add_subcommand("capture", "Print what a session has printed or shows");
  verb->footer("Without --screen and --text it is what the session has printed, as raw bytes.");
  add_session_argument(*verb, options->session);
  verb->add_option("--lines", options->lines, "Only the last lines")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  auto* screen = verb->add_flag("--screen", options->screen, "What its terminal shows, as text");
  verb->add_flag("--text", options->text, "All that it has printed, as text")->excludes(screen);
  verb->add_flag("--colour,--color", options->colour, "With colours and attributes");
  verb->callback([&cli, options] {
    if (options->colour && !options->screen && !options->text)
      throw_usage("--colour goes with --screen or --text; raw bytes have all colours");
    cli.action = [&cli, options] { return run_capture(cli.options, *options); };
  });
}

}  // namespace

void add_text_verbs(CLI::App& app, Cli& cli) {
  add_send(app, cli);
  add_capture(app, cli);
}

}  // namespace ptyd
