// Preloaded into a router: connections to ports that stand in the file that ECHELON_CUT names
// break, and no new ones come about. Each connection has one end that connected, so it breaks for
// both.
#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace {

bool is_cut(const sockaddr_storage& x) {
  const char* path = std::getenv("ECHELON_CUT");
  if (path == nullptr || x.ss_family != AF_INET) return false;
  std::FILE* file = std::fopen(path, "r");
  if (file == nullptr) return false;
  const int port = ntohs(reinterpret_cast<const sockaddr_in&>(x).sin_port);
  bool found = false;
  for (int cut = 0; !found && std::fscanf(file, "%d", &cut) == 1;)
    found = cut == port;
  std::fclose(file);
  return found;
}

bool peer_is_cut(int fd) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  return getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0 && is_cut(peer);
}

template <class F>
F real(const char* name) {
  return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

} // namespace

extern "C" {

int connect(int fd, const sockaddr* to, socklen_t size) {
  static const auto next = real<int (*)(int, const sockaddr*, socklen_t)>("connect");
  if (to->sa_family == AF_INET && is_cut(*reinterpret_cast<const sockaddr_storage*>(to))) {
    errno = ECONNREFUSED;
    return -1;
  }
  return next(fd, to, size);
}

ssize_t send(int fd, const void* data, size_t size, int flags) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t, int)>("send");
  if (peer_is_cut(fd)) {
    errno = ECONNRESET;
    return -1;
  }
  return next(fd, data, size, flags);
}

ssize_t recv(int fd, void* data, size_t size, int flags) {
  static const auto next = real<ssize_t (*)(int, void*, size_t, int)>("recv");
  if (peer_is_cut(fd)) {
    errno = ECONNRESET;
    return -1;
  }
  return next(fd, data, size, flags);
}

} // extern "C"
