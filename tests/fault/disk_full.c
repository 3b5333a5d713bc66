// A full disk for one process: preloaded (LD_PRELOAD) into a server or a PostgreSQL under test, it lets
// writes to files under a folder fail with ENOSPC as soon as they would need space that the file does
// not have yet, after writing what fits, as a file system does. MYTOKEN_FAULT_DISK names a file whose
// first byte switches this on (1) and off (0) while the process runs; MYTOKEN_FAULT_DISK_UNDER is the
// folder. Reads, and writes over space that is there (recycled logs, reserved space), go on.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static const volatile char* flag;
static const char* under;

__attribute__((constructor)) static void begin(void) {
  const char* file = getenv("MYTOKEN_FAULT_DISK");
  under = getenv("MYTOKEN_FAULT_DISK_UNDER");
  if (!file || !under) return;
  const int descriptor = open(file, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) abort();
  void* page = mmap(NULL, 1, PROT_READ, MAP_SHARED, descriptor, 0);
  close(descriptor);
  if (page == MAP_FAILED) abort();
  flag = page;
}

// How many of `length` bytes at `offset` have room; -1: all, this file is none of our business.
static ssize_t room(int descriptor, off_t offset, size_t length) {
  if (!flag || *flag != 1) return -1;
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return -1;
  char link[64];
  char path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0 || strncmp(path, under, strlen(under)) != 0) return -1;
  if (offset < 0) {
    const int flags = fcntl(descriptor, F_GETFL);
    offset = flags >= 0 && (flags & O_APPEND) ? status.st_size : lseek(descriptor, 0, SEEK_CUR);
  }
  const off_t space = (off_t)status.st_blocks * 512;
  if (offset + (off_t)length <= space) return -1;
  return offset >= space ? 0 : (ssize_t)(space - offset);
}

#define ORIGINAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define LIMITED(descriptor, offset, length, whole, part) \
  const ssize_t fits = room(descriptor, offset, length); \
  if (fits < 0) return whole;                            \
  if (fits > 0) return part;                             \
  errno = ENOSPC;                                        \
  return -1

ssize_t write(int descriptor, const void* bytes, size_t length) {
  LIMITED(descriptor, -1, length, ORIGINAL(write)(descriptor, bytes, length),
          ORIGINAL(write)(descriptor, bytes, (size_t)fits));
}
ssize_t pwrite(int descriptor, const void* bytes, size_t length, off_t offset) {
  LIMITED(descriptor, offset, length, ORIGINAL(pwrite)(descriptor, bytes, length, offset),
          ORIGINAL(pwrite)(descriptor, bytes, (size_t)fits, offset));
}
ssize_t pwrite64(int descriptor, const void* bytes, size_t length, off64_t offset) {
  LIMITED(descriptor, offset, length, ORIGINAL(pwrite64)(descriptor, bytes, length, offset),
          ORIGINAL(pwrite64)(descriptor, bytes, (size_t)fits, offset));
}

static size_t total(const struct iovec* parts, int count) {
  size_t length = 0;
  for (int i = 0; i < count; ++i)
    length += parts[i].iov_len;
  return length;
}
// A vector that does not fit is refused whole.
#define ALL_OR_NOTHING(descriptor, offset, length, whole)        \
  if (room(descriptor, offset, length) < 0) return whole;        \
  errno = ENOSPC;                                                \
  return -1

ssize_t writev(int descriptor, const struct iovec* parts, int count) {
  ALL_OR_NOTHING(descriptor, -1, total(parts, count), ORIGINAL(writev)(descriptor, parts, count));
}
ssize_t pwritev(int descriptor, const struct iovec* parts, int count, off_t offset) {
  ALL_OR_NOTHING(descriptor, offset, total(parts, count),
                 ORIGINAL(pwritev)(descriptor, parts, count, offset));
}
ssize_t pwritev64(int descriptor, const struct iovec* parts, int count, off64_t offset) {
  ALL_OR_NOTHING(descriptor, offset, total(parts, count),
                 ORIGINAL(pwritev64)(descriptor, parts, count, offset));
}
int fallocate(int descriptor, int mode, off_t offset, off_t length) {
  ALL_OR_NOTHING(descriptor, offset, (size_t)length,
                 ORIGINAL(fallocate)(descriptor, mode, offset, length));
}
int fallocate64(int descriptor, int mode, off64_t offset, off64_t length) {
  ALL_OR_NOTHING(descriptor, offset, (size_t)length,
                 ORIGINAL(fallocate64)(descriptor, mode, offset, length));
}
int posix_fallocate(int descriptor, off_t offset, off_t length) {
  if (room(descriptor, offset, (size_t)length) >= 0) return ENOSPC;
  return ORIGINAL(posix_fallocate)(descriptor, offset, length);
}
int posix_fallocate64(int descriptor, off64_t offset, off64_t length) {
  if (room(descriptor, offset, (size_t)length) >= 0) return ENOSPC;
  return ORIGINAL(posix_fallocate64)(descriptor, offset, length);
}
