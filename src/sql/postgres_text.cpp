// One scanner for all three: it walks over a text and tells words, parameters and everything else
// apart. Strings
// ('…'), quoted names ("…") and comments (-- and /* */) are passed over as wholes.
#include "sql/postgres_text.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace mytoken::sql {
namespace {

struct Piece {
  enum Kind { word, parameter, comment, other } kind;
  std::string_view text;
};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::size_t past(std::string_view sql, std::size_t from, std::string_view end) {
  const std::size_t found = sql.find(end, from);
  return found == std::string_view::npos ? sql.size() : found + end.size();
}

// Takes the first piece off `sql`, which is not empty.
Piece next(std::string_view& sql) {
  std::size_t size = 1;
  Piece::Kind kind = Piece::other;
  const char first = sql.front();
  if (is_letter(first)) {
    kind = Piece::word;
    while (size < sql.size() && (is_letter(sql[size]) || is_digit(sql[size])))
      ++size;
  } else if (first == '$') {
    while (size < sql.size() && is_digit(sql[size]))
      ++size;
    if (size > 1) kind = Piece::parameter;
  } else if (first == '\'' || first == '"') {
    size = past(sql, 1, sql.substr(0, 1));  // a doubled quote ends one piece and begins the next
  } else if (sql.starts_with("--")) {
    kind = Piece::comment;
    size = std::min(sql.find('\n'), sql.size());
  } else if (sql.starts_with("/*")) {
    kind = Piece::comment;
    size = past(sql, 2, "*/");
  }
  const Piece piece{kind, sql.substr(0, size)};
  sql.remove_prefix(size);
  return piece;
}

std::string upper(std::string_view word) {
  std::string text(word);
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace

std::size_t parameters_of(std::string_view sql) {
  std::size_t highest = 0;
  while (!sql.empty()) {
    const Piece piece = next(sql);
    if (piece.kind != Piece::parameter) continue;
    std::size_t number = 0;
    std::from_chars(piece.text.data() + 1, piece.text.data() + piece.text.size(), number);
    highest = std::max(highest, number);
  }
  return highest;
}

bool is_plain_statement(std::string_view sql) {
  constexpr std::array<std::string_view, 9> plain = {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH",
                                                     "VALUES", "CREATE", "ALTER",  "DROP"};
  while (!sql.empty()) {
    const Piece piece = next(sql);
    if (piece.kind == Piece::comment || is_blank(piece.text)) continue;
    return piece.kind == Piece::word &&
           std::find(plain.begin(), plain.end(), upper(piece.text)) != plain.end();
  }
  return false;
}

Result<std::vector<std::string>> translate_migration(std::string_view sql) {
  std::vector<std::string> statements;
  std::string statement;
  auto end_statement = [&] {
    if (!is_blank(statement)) statements.push_back(std::move(statement));
    statement.clear();
  };
  while (!sql.empty()) {
    const Piece piece = next(sql);
    if (piece.text == ";") {
      end_statement();
    } else if (piece.kind == Piece::comment) {
      statement += ' ';
    } else if (piece.kind == Piece::word) {
      const std::string word = upper(piece.text);
      if (word == "STRICT") continue;
      if (word == "INTEGER") {
        statement += "BIGINT";
      } else if (word == "BLOB") {
        statement += "BYTEA";
      } else {
        statement += piece.text;
      }
    } else {
      statement += piece.text;
    }
  }
  end_statement();
  for (const std::string& one : statements) {
    if (!is_plain_statement(one))
      return fail(internal_error("a migration holds a statement that is not allowed there"));
  }
  return statements;
}

}  // namespace mytoken::sql
