// Expat tells elements and text as they come; only the texts at known places are kept.
#include "cli/security_token_service.h"

#include <expat.h>

#include <map>
#include <memory>

#include "base/encoding.h"
#include "client/durable_file.h"
#include "client/transport.h"

namespace mytoken::cli {
namespace {

using client::ErrorKind;
using client::failure;

constexpr std::size_t longest_answer = 1 << 17;
constexpr std::size_t deepest = 16;

// Texts of elements by their path of local names: "/ErrorResponse/Error/Code".
struct Reader {
  XML_Parser parser = nullptr;
  std::string path;
  std::size_t depth = 0;
  std::map<std::string, std::string> texts;
  bool is_refused = false;

  void refuse() {
    is_refused = true;
    XML_StopParser(parser, XML_FALSE);
  }

  static void start(void* self, const XML_Char* name, const XML_Char**) {
    auto& reader = *static_cast<Reader*>(self);
    if (++reader.depth > deepest) return reader.refuse();
    const std::string_view whole(name);
    const std::size_t colon = whole.rfind(':');
    reader.path += '/';
    reader.path += colon == std::string_view::npos ? whole : whole.substr(colon + 1);
    // The same element twice: which one is meant?
    if (!reader.texts.emplace(reader.path, "").second) reader.refuse();
  }
  static void end(void* self, const XML_Char*) {
    auto& reader = *static_cast<Reader*>(self);
    reader.path.resize(reader.path.rfind('/'));
    --reader.depth;
  }
  static void text(void* self, const XML_Char* characters, int length) {
    auto& reader = *static_cast<Reader*>(self);
    reader.texts[reader.path].append(characters, static_cast<std::size_t>(length));
  }
  static void doctype(void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) {
    static_cast<Reader*>(self)->refuse();
  }

  bool read(std::string_view xml) {
    using Parser = std::unique_ptr<std::remove_pointer_t<XML_Parser>, decltype(&XML_ParserFree)>;
    const Parser owner(XML_ParserCreate(nullptr), &XML_ParserFree);
    if (!owner || xml.size() > longest_answer) return false;
    parser = owner.get();
    XML_SetUserData(parser, this);
    XML_SetElementHandler(parser, &start, &end);
    XML_SetCharacterDataHandler(parser, &text);
    XML_SetStartDoctypeDeclHandler(parser, &doctype);
    const auto status = XML_Parse(parser, xml.data(), static_cast<int>(xml.size()), XML_TRUE);
    return status == XML_STATUS_OK && !is_refused;
  }

  std::string at(const std::string& where) const {
    const auto found = texts.find(where);
    return found == texts.end() ? "" : found->second;
  }
};

// Keys and times are words; anything else would be strange in a file of somebody's.
bool is_word(std::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c >= 0x7f) return false;
  }
  return !text.empty();
}

void add(std::string& form, std::string_view name, std::string_view value) {
  if (!form.empty()) form += '&';
  form.append(name).append("=").append(percent_encode(value));
}

}  // namespace

client::Outcome<StsCredentials> parse_sts_answer(int status, std::string_view xml) {
  Reader reader;
  if (!reader.read(xml)) {
    client::ClientError error;
    error.kind = ErrorKind::protocol;
    error.http_status = status;
    error.description = "the security token service answered with status " +
                        std::to_string(status) +
                        (status == 200 ? " and something that is not its XML" : "");
    return failure(std::move(error));
  }
  for (const std::string base : {"/ErrorResponse/Error", "/Error"}) {
    const std::string code = reader.at(base + "/Code");
    if (code.empty()) continue;
    client::ClientError error;
    error.kind = ErrorKind::server;
    error.http_status = status;
    error.code = client::sanitised(code);
    error.description = client::sanitised(reader.at(base + "/Message"), 300);
    return failure(std::move(error));
  }
  const std::string base =
      "/AssumeRoleWithWebIdentityResponse/AssumeRoleWithWebIdentityResult/Credentials";
  StsCredentials credentials;
  credentials.access_key_id = reader.at(base + "/AccessKeyId");
  credentials.secret_access_key = Secret(reader.at(base + "/SecretAccessKey"));
  credentials.session_token = Secret(reader.at(base + "/SessionToken"));
  credentials.expiration = reader.at(base + "/Expiration");
  if (status != 200 || !is_word(credentials.access_key_id) ||
      !is_word(credentials.secret_access_key.reveal()) ||
      !is_word(credentials.session_token.reveal()) || !is_word(credentials.expiration)) {
    return failure(ErrorKind::protocol,
                   "the answer of the security token service has no complete credentials");
  }
  return credentials;
}

client::Outcome<StsCredentials> assume_role(const client::Options& options,
                                            const StsRequest& request, const Secret& access_token,
                                            const client::Call& call) {
  auto url = client::parse_server_url(request.endpoint);
  if (!url) return failure(std::move(url.error()));
  std::string form;
  add(form, "Action", "AssumeRoleWithWebIdentity");
  add(form, "Version", "2011-06-15");
  if (!request.role.empty()) add(form, "RoleArn", request.role);
  add(form, "RoleSessionName", request.session);
  if (request.duration) add(form, "DurationSeconds", std::to_string(request.duration->count()));
  add(form, "WebIdentityToken", access_token.reveal());
  client::HttpRequest post;
  post.method = client::Exchange::Method::post;
  post.url = *url + "/";
  post.body = Secret(std::move(form));
  post.content_type = "application/x-www-form-urlencoded";
  post.limit = longest_answer;
  client::Transport transport(options);
  bool is_unknown = false;  // asking twice does no harm
  const auto answer = transport.send(post, call, is_unknown);
  if (!answer) return failure(answer.error());
  return parse_sts_answer(answer->status, answer->body.reveal());
}

}  // namespace mytoken::cli
