#include "gateway/watch.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <set>

namespace echelon::gateway {

namespace fs = std::filesystem;

std::string look_of(const std::string& path) {
  std::error_code error;
  std::set<std::string> files;
  if (fs::is_directory(path, error)) {
    for (fs::recursive_directory_iterator i{path, error}, end; !error && i != end;
         i.increment(error))
      if (i->path().extension() == ".yaml" || i->path().extension() == ".yml")
        files.insert(i->path().string());
  } else {
    files.insert(path);
  }
  std::string look;
  for (const auto& file : files) {
    struct stat x {};
    if (stat(file.c_str(), &x) != 0) return {};
    look += file + ' ' + std::to_string(x.st_ino) + ' ' + std::to_string(x.st_size) + ' '
            + std::to_string(x.st_mtim.tv_sec) + '.' + std::to_string(x.st_mtim.tv_nsec) + '\n';
  }
  return look;
}

} // namespace echelon::gateway
