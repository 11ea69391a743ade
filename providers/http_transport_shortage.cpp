#include "providers/http_transport_shortage.hpp"

#include <boost/asio/error.hpp>

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace echelon::providers {

namespace errc = boost::system::errc;
using boost::system::error_code;

bool is_descriptor_shortage(const error_code& ec) {
  return ec == errc::too_many_files_open || ec == errc::too_many_files_open_in_system;
}

bool is_shortage(const error_code& ec) {
  return is_descriptor_shortage(ec) || ec == errc::no_buffer_space || ec == errc::not_enough_memory
         || ec == errc::address_not_available
         || ec == errc::no_space_on_device; // Of epoll: no more descriptors may be watched.
}

error_code descriptor_shortage() {
  const int probe = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const error_code ec{probe < 0 ? errno : 0, boost::system::system_category()};
  if (probe >= 0) ::close(probe);
  return is_shortage(ec) ? ec : error_code{};
}

} // namespace echelon::providers
