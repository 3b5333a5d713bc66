// Key files are PEM; their algorithm stands in the configuration.
#include "app/keys.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/secret.h"

namespace mytoken::app {
namespace {

Error key_error(const std::string& file, std::string_view why) {
  return internal_error(fmt::format("signing key {}: {}", file, why));
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(descriptor) == 0;
}

}  // namespace

Result<crypto::Key> load_key(const SigningKeyFile& file) {
  std::error_code problem;
  if (!std::filesystem::exists(file.file, problem)) {
    return fail(key_error(file.file, "there is no such file; `mytoken-server init` makes it"));
  }
  auto text = read_text_file(file.file);
  if (!text) return fail(key_error(file.file, text.error().cause));
  const Secret pem(std::move(*text));
  auto key = crypto::Key::from_pem(pem, file.algorithm);
  if (!key) return fail(key_error(file.file, key.error().cause));
  return key;
}

Result<Keys> load_keys(const Config& config) {
  auto signing = load_key(config.signing);
  if (!signing) return fail(signing.error());
  std::vector<crypto::Key> all{*signing};
  for (const SigningKeyFile& file : config.verification_keys) {
    auto key = load_key(file);
    if (!key) return fail(key.error());
    all.push_back(std::move(*key));
  }
  return Keys{std::move(*signing), crypto::KeySet(std::move(all))};
}

bool is_exposed(const std::string& file) {
  struct stat status {};
  return ::stat(file.c_str(), &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0;
}

Result<bool> make_key(const SigningKeyFile& file, int rsa_bits) {
  std::error_code problem;
  if (std::filesystem::exists(file.file, problem)) return false;
  const Secret pem = crypto::Key::generate(file.algorithm, rsa_bits).private_pem();
  // Under another name first: a crash must not leave half a key.
  const std::string temporary = fmt::format("{}.{}.new", file.file, ::getpid());
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) return fail(key_error(file.file, std::strerror(errno)));
  const bool written = write_all(descriptor, pem.reveal());
  const int why = errno;
  ::close(descriptor);
  // link() refuses to replace what somebody else made in the meantime.
  const bool placed = written && ::link(temporary.c_str(), file.file.c_str()) == 0;
  const int why_not_placed = written ? errno : why;
  ::unlink(temporary.c_str());
  if (!placed) return fail(key_error(file.file, std::strerror(why_not_placed)));
  const std::filesystem::path folder = std::filesystem::path(file.file).parent_path();
  if (const int opened =
          ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      opened >= 0) {
    ::fsync(opened);
    ::close(opened);
  }
  return true;
}

}  // namespace mytoken::app
