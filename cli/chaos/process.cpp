#include "cli/chaos/process.hpp"

#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace echelon::cli {

process::process(const std::vector<std::string>& arguments, const std::string& log) {
  std::vector<char*> argv;
  std::string self = "echelon";
  argv.push_back(self.data());
  auto copies = arguments;
  for (auto& x : copies)
    argv.push_back(x.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, log.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0644);
  // Not our sockets: what listens here would go on listening there.
  posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
  // Ours alone is ended by Ctrl-C; the others by us.
  posix_spawnattr_t how;
  posix_spawnattr_init(&how);
  posix_spawnattr_setpgroup(&how, 0);
  posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP);
  const auto error = posix_spawn(&id_, "/proc/self/exe", &files, &how, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&how);
  if (error != 0)
    throw std::runtime_error(std::string{"cannot start a router: "} + std::strerror(error));
}

process::~process() {
  kill();
}

bool process::reap(bool wait) {
  if (id_ <= 0) return true;
  if (::waitpid(id_, &status_, wait ? 0 : WNOHANG) == 0) return false;
  id_ = -1;
  return true;
}

bool process::running() {
  return !reap(false);
}

void process::freeze() {
  if (id_ > 0) ::kill(id_, SIGSTOP);
}

void process::thaw() {
  if (id_ > 0) ::kill(id_, SIGCONT);
}

void process::limit_descriptors(std::uint64_t more) {
  if (id_ <= 0) return;
  namespace fs = std::filesystem;
  std::error_code ignored;
  std::uint64_t open = 0;
  for (auto i = fs::directory_iterator{"/proc/" + std::to_string(id_) + "/fd", ignored};
       !ignored && i != fs::directory_iterator{}; i.increment(ignored))
    ++open;
  rlimit now{};
  if (::prlimit(id_, RLIMIT_NOFILE, nullptr, &now) != 0) return;
  if (descriptors_ == 0) descriptors_ = now.rlim_cur;
  now.rlim_cur = std::min<rlim_t>(open + more, now.rlim_max);
  ::prlimit(id_, RLIMIT_NOFILE, &now, nullptr);
}

void process::free_descriptors() {
  rlimit now{};
  if (id_ <= 0 || descriptors_ == 0 || ::prlimit(id_, RLIMIT_NOFILE, nullptr, &now) != 0) return;
  now.rlim_cur = descriptors_;
  ::prlimit(id_, RLIMIT_NOFILE, &now, nullptr);
}

void process::kill() {
  if (id_ > 0) ::kill(id_, SIGKILL);
  reap(true);
}

int process::end(double seconds) {
  if (id_ > 0) ::kill(id_, SIGTERM);
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!reap(false)) {
    if (std::chrono::steady_clock::now() >= give_up) {
      kill();
      return -1;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : -1;
}

std::uint16_t free_port() {
  constexpr unsigned first = 20'000, count = 12'000;
  std::random_device random;
  for (int i = 0; i < 1000; ++i) {
    const auto port = static_cast<std::uint16_t>(first + random() % count);
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    const bool good =
        socket >= 0 && ::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    if (socket >= 0) ::close(socket);
    if (good) return port;
  }
  throw std::runtime_error(std::string{"no free port: "} + std::strerror(errno));
}

} // namespace echelon::cli
