// `echelon simulate` as a process.
#include "client.hpp"

#include "providers/simulator/server.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sys/wait.h>
#include <unistd.h>

using namespace echelon;
using namespace echelon::test;

namespace {

/// A child process that runs the simulator; its stdout can be read.
class child {
public:
  child(const std::string& listen, const std::string& script) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
    std::cout.flush(); // What is still buffered would be the child's first line.
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::close(ends[0]);
      ::close(ends[1]);
      ::_exit(providers::run_simulator(listen, script));
    }
    ::close(ends[1]);
    out_ = ends[0];
  }
  ~child() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      (void)wait();
    }
    ::close(out_);
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  /// The first line of stdout; empty if the child ended without one.
  std::string line() const {
    std::string text;
    for (char c = 0; ::read(out_, &c, 1) == 1 && c != '\n';)
      text += c;
    return text;
  }
  void signal(int number) const { ::kill(pid_, number); }
  /// Exit code; -1 if a signal killed it.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

private:
  pid_t pid_ = -1;
  int out_ = -1;
};

struct script_file {
  std::string path = (std::filesystem::temp_directory_path()
                      / ("echelon-run-" + std::to_string(::getpid()) + ".yaml"))
                         .string();
  explicit script_file(const std::string& text) { std::ofstream{path} << text; }
  ~script_file() { std::filesystem::remove(path); }
  script_file(const script_file&) = delete;
  script_file& operator=(const script_file&) = delete;
};

} // namespace

TEST_CASE("simulate tells its address when it is ready, plays its script and ends by a signal") {
  for (const int number : {SIGINT, SIGTERM}) {
    script_file script{"rules: [{then: {status: 418}}]"};
    child uut{"127.0.0.1:0", script.path};
    const auto line = uut.line();
    const std::string before = "echelon simulate listening on ";
    REQUIRE(line.starts_with(before + "http://127.0.0.1:"));
    config::provider_config provider;
    provider.base_url = line.substr(before.size());
    client caller;
    CHECK(caller.get(provider, post("/v1/embeddings", R"({"model":"m","input":"a"})")).status
          == 418);
    uut.signal(number);
    CHECK(uut.wait() == 0); // Although a kept connection is open.
  }
}

TEST_CASE("simulate refuses a bad address, a bad script and a port that is taken") {
  script_file script{"rules: 5"};
  CHECK(child{"nonsense", ""}.wait() == 2);
  CHECK(child{"127.0.0.1:70000", ""}.wait() == 2);
  CHECK(child{"127.0.0.1:0", script.path}.wait() == 2);
  CHECK(child{"127.0.0.1:0", "no-such-script.yaml"}.wait() == 2);
  raw_upstream taken{[](raw_peer&, int) {}};
  CHECK(child{"127.0.0.1:" + std::to_string(taken.port()), ""}.wait() == 1);
}
