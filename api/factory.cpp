#include "api/factory_inside.hpp"

#include "api/answers.hpp"
#include "api/client_inside.hpp"
#include "api/embedded.hpp"
#include "api/remote.hpp"

#include <thread>

namespace echelon {

LlmFactory::impl::~impl() {
  const std::chrono::milliseconds none{0};
  if (to->on_own_thread()) {
    // The last copy went in an observer: that thread cannot wait for itself.
    std::thread{[of = to, none] { of->stop(none); }}.detach();
  } else {
    to->stop(none);
  }
}

LlmFactory::LlmFactory(std::shared_ptr<impl> x) : impl_(std::move(x)) {}

LlmFactory::LlmFactory(const ConfigManager& config, FactoryOptions options)
    : impl_(std::make_shared<impl>(api::make_embedded(config, options, nullptr))) {}

LlmFactory LlmFactory::connect(const std::string& url, RemoteOptions options) {
  return LlmFactory{std::make_shared<impl>(api::make_remote(url, options))};
}

LlmFactory::LlmFactory(const LlmFactory&) = default;
LlmFactory::LlmFactory(LlmFactory&&) noexcept = default;
LlmFactory& LlmFactory::operator=(const LlmFactory&) = default;
LlmFactory& LlmFactory::operator=(LlmFactory&&) noexcept = default;
LlmFactory::~LlmFactory() = default;

LlmClient LlmFactory::create_client_from_group(const std::string& target) const {
  impl_->to->check_target(target);
  auto x = std::make_shared<LlmClient::impl>();
  x->to = impl_->to;
  x->target = target;
  return LlmClient{std::move(x)};
}

LlmClient LlmFactory::create_client(const NodeConfig& node) const {
  impl_->to->check_node(node);
  auto x = std::make_shared<LlmClient::impl>();
  x->to = impl_->to;
  x->target = node.llm_group;
  x->node = node;
  return LlmClient{std::move(x)};
}

void LlmFactory::reload() const {
  impl_->to->reload();
}

bool LlmFactory::ready() const {
  return impl_->to->ready();
}

std::string LlmFactory::state() const {
  return impl_->to->state();
}

std::string LlmFactory::decision(const std::string& request_id) const {
  return impl_->to->decision(request_id);
}

void LlmFactory::shutdown(std::chrono::milliseconds grace) const {
  if (impl_->to->on_own_thread())
    throw api::plain_error(ErrorKind::invalid_request,
                           "shutdown() in an observer would wait for itself.", 0);
  impl_->to->stop(grace);
}

} // namespace echelon
