// The Python module `echelon._core`: the C++ library as it is; echelon/*.py makes it comfortable.
#include <echelon/echelon.hpp>

#include <pybind11/functional.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace py = pybind11;
using namespace echelon;

namespace {

/// Whoever drops one of these may wait for a router's threads, and those may wait for the
/// interpreter to call what Python gave them: it must be free meanwhile.
template <class T>
struct without_gil {
  void operator()(T* x) const {
    const py::gil_scoped_release free;
    delete x;
  }
};

/// A Python class whose objects are parts of a router.
template <class T>
using part_of_router = py::class_<T, std::unique_ptr<T, without_gil<T>>>;

/// A Python object that any thread may drop.
std::shared_ptr<py::function> shared(py::function x) {
  return {new py::function{std::move(x)}, [](py::function* p) {
            const py::gil_scoped_acquire gil;
            delete p;
          }};
}

/// The Python exception of a failure: echelon.LLMError.
py::object exception_of(const LlmError& x) {
  const auto& info = x.info();
  py::object wait = py::none();
  if (info.retry_after) wait = py::float_(static_cast<double>(info.retry_after->count()) / 1000.0);
  return py::module_::import("echelon._errors")
      .attr("LLMError")(x.what(), std::string{to_string(info.kind)}, info.status, info.code,
                        info.param, wait, info.request_id, info.route, info.attempts, info.decision,
                        info.partial_text);
}

/// Calls what Python gave us, on a thread of the router. A fault of it cannot go anywhere else.
template <class Make>
void tell(const std::shared_ptr<py::function>& to, Make make) {
  const py::gil_scoped_acquire gil;
  try {
    (*to)(make());
  } catch (py::error_already_set& error) {
    error.discard_as_unraisable("an observer of echelon");
  }
}

std::vector<std::string> targets_of(const std::optional<std::vector<std::string>>& x) {
  return x.value_or(std::vector<std::string>{});
}

CallHandle start(const LlmClient& of, const std::optional<std::vector<std::string>>& targets,
                 const Prompt& prompt, const CallOptions& options, py::function done,
                 py::function failed) {
  const auto on_done = shared(std::move(done));
  const auto on_error = shared(std::move(failed));
  CallObserver to;
  to.on_done = [on_done](Completion x) { tell(on_done, [&] { return py::cast(std::move(x)); }); };
  to.on_error = [on_error](const LlmError& x) { tell(on_error, [&] { return exception_of(x); }); };
  const py::gil_scoped_release free;
  if (targets) return of.start(targets_of(targets), prompt, std::move(to), options);
  return of.start(prompt, std::move(to), options);
}

Completion call(const LlmClient& of, const std::optional<std::vector<std::string>>& targets,
                const Prompt& prompt, const CallOptions& options) {
  if (targets) return of.call_with_fallback_groups(*targets, prompt, options);
  return of.call(prompt, options);
}

CompletionStream open(const LlmClient& of, const std::optional<std::vector<std::string>>& targets,
                      const Prompt& prompt, const CallOptions& options) {
  if (targets) return of.open_stream_with_fallback_groups(*targets, prompt, options);
  return of.open_stream(prompt, options);
}

using no_gil = py::call_guard<py::gil_scoped_release>;

void bind_types(py::module_& m) {
  py::class_<Usage>(m, "Usage")
      .def_readonly("prompt_tokens", &Usage::prompt_tokens)
      .def_readonly("completion_tokens", &Usage::completion_tokens)
      .def_readonly("cached_tokens", &Usage::cached_tokens)
      .def_readonly("reasoning_tokens", &Usage::reasoning_tokens);
  py::class_<ToolCall>(m, "ToolCall")
      .def_readonly("id", &ToolCall::id)
      .def_readonly("name", &ToolCall::name)
      .def_readonly("arguments", &ToolCall::arguments);
  py::class_<Completion>(m, "Completion")
      .def_readonly("text", &Completion::text)
      .def_readonly("thinking", &Completion::thinking)
      .def_readonly("tool_calls", &Completion::tool_calls)
      .def_readonly("finish_reason", &Completion::finish_reason)
      .def_readonly("usage", &Completion::usage)
      .def_readonly("model", &Completion::model)
      .def_readonly("route", &Completion::route)
      .def_readonly("request_id", &Completion::request_id)
      .def_readonly("attempts", &Completion::attempts)
      .def_readonly("dropped", &Completion::dropped)
      .def_readonly("json", &Completion::json)
      .def("__str__", [](const Completion& x) { return x.text; })
      .def("__repr__", [](const Completion& x) {
        return "Completion(route='" + x.route + "', finish_reason='" + x.finish_reason + "')";
      });
  py::class_<Chunk>(m, "Chunk")
      .def_readonly("text", &Chunk::text)
      .def_readonly("thinking", &Chunk::thinking)
      .def_readonly("json", &Chunk::json)
      .def("__str__", [](const Chunk& x) { return x.text; });
  py::class_<ThinkingConfig>(m, "ThinkingConfig")
      .def_readonly("enabled", &ThinkingConfig::enabled)
      .def_readonly("budget_tokens", &ThinkingConfig::budget_tokens);
  py::class_<TaskGroupConfig>(m, "TaskGroupConfig")
      .def_readonly("group", &TaskGroupConfig::group)
      .def_readonly("tier", &TaskGroupConfig::tier)
      .def_readonly("models", &TaskGroupConfig::models)
      .def_readonly("priority", &TaskGroupConfig::priority)
      .def_readonly("timeout", &TaskGroupConfig::timeout)
      .def_readonly("max_retries", &TaskGroupConfig::max_retries)
      .def_readonly("concurrency_limit", &TaskGroupConfig::concurrency_limit)
      .def_readonly("rpm_limit", &TaskGroupConfig::rpm_limit)
      .def_readonly("temperature", &TaskGroupConfig::temperature)
      .def_readonly("response_format", &TaskGroupConfig::response_format)
      .def_readonly("function_calling", &TaskGroupConfig::function_calling)
      .def_readonly("thinking_config", &TaskGroupConfig::thinking_config)
      .def_readonly("fallback_strategy", &TaskGroupConfig::fallback_strategy);
  py::class_<Prompt>(m, "Prompt").def_static("from_json", &Prompt::from_json, py::arg("body"));
  py::class_<CallOptions>(m, "CallOptions")
      .def(py::init<>())
      .def_readwrite("fallback_groups", &CallOptions::fallback_groups)
      .def_readwrite("priority", &CallOptions::priority)
      .def_readwrite("temperature", &CallOptions::temperature)
      .def_readwrite("max_tokens", &CallOptions::max_tokens)
      .def_readwrite("body_json", &CallOptions::body_json)
      .def_readwrite("request_id", &CallOptions::request_id)
      .def_readwrite("client_key", &CallOptions::client_key)
      .def("set_timeout",
           [](CallOptions& x, double seconds) {
             x.timeout = std::chrono::ceil<std::chrono::milliseconds>(
                 std::chrono::duration<double>(seconds));
           })
      .def("set_node_config", [](CallOptions& x, const std::string& text) {
        x.node_config.emplace();
        x.node_config->text = text;
      });
}

void bind_calls(py::module_& m) {
  part_of_router<CallHandle>(m, "CallHandle").def("cancel", &CallHandle::cancel, no_gil());
  part_of_router<CompletionStream>(m, "CompletionStream")
      .def("next", &CompletionStream::next, no_gil())
      .def("completion", &CompletionStream::completion, no_gil())
      .def("cancel", &CompletionStream::cancel, no_gil())
      .def("when_ready", [](CompletionStream& x, py::function ready) {
        const auto then = shared(std::move(ready));
        const py::gil_scoped_release free;
        x.when_ready([then] {
          const py::gil_scoped_acquire gil;
          try {
            (*then)();
          } catch (py::error_already_set& error) {
            error.discard_as_unraisable("a stream of echelon");
          }
        });
      });
  part_of_router<LlmClient>(m, "LlmClient")
      .def_property_readonly("target", &LlmClient::target)
      .def("call", &call, no_gil())
      .def("open", &open, no_gil())
      .def("start", &start);
}

void bind_routers(py::module_& m) {
  py::class_<ConfigManager>(m, "ConfigManager")
      .def(py::init([](const std::string& path, bool simulate) {
             ConfigOptions options;
             options.simulate = simulate;
             return ConfigManager{path, options};
           }),
           py::arg("path"), py::arg("simulate") = false, no_gil())
      .def_static(
          "from_text",
          [](const std::string& yaml, bool simulate, const std::string& name) {
            ConfigOptions options;
            options.simulate = simulate;
            return ConfigManager::from_text(yaml, options, name);
          },
          py::arg("yaml"), py::arg("simulate") = false, py::arg("name") = "config.yaml", no_gil())
      .def("get_task_group_config", py::overload_cast<const std::string&, const std::string&>(
                                        &ConfigManager::get_task_group_config, py::const_))
      .def("get_task_group_configs",
           py::overload_cast<const std::string&>(&ConfigManager::get_task_group_config, py::const_))
      .def("targets", &ConfigManager::targets)
      .def("warnings", &ConfigManager::warnings)
      .def("check", [](const ConfigManager& x, const std::string& node) {
        NodeConfig config;
        config.text = node;
        x.check(config);
      });
  part_of_router<LlmFactory>(m, "LlmFactory")
      .def(py::init([](const ConfigManager& config, unsigned threads, const std::string& script,
                       const std::string& node, const std::string& listen,
                       const std::vector<std::string>& seeds) {
             FactoryOptions options;
             options.threads = threads;
             options.simulator_script = script;
             options.node = node;
             options.cluster_listen = listen;
             options.seeds = seeds;
             return LlmFactory{config, options};
           }),
           no_gil())
      .def_static(
          "connect",
          [](const std::string& url, const std::string& api_key, const std::string& admin_token,
             const std::string& ca_file) {
            RemoteOptions options;
            options.api_key = api_key;
            options.admin_token = admin_token;
            options.ca_file = ca_file;
            return LlmFactory::connect(url, options);
          },
          no_gil())
      .def("create_client_from_group", &LlmFactory::create_client_from_group, no_gil())
      .def(
          "create_client",
          [](const LlmFactory& x, const std::string& node) {
            NodeConfig config;
            config.text = node;
            return x.create_client(config);
          },
          no_gil())
      .def("reload", &LlmFactory::reload, no_gil())
      .def("ready", &LlmFactory::ready, no_gil())
      .def("state", &LlmFactory::state, no_gil())
      .def("decision", &LlmFactory::decision, no_gil())
      .def(
          "shutdown",
          [](const LlmFactory& x, double grace) {
            x.shutdown(
                std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(grace)));
          },
          no_gil());
}

} // namespace

PYBIND11_MODULE(_core, m) {
  m.doc() = "The embedding library of echelon.";
  m.attr("__version__") = std::string{version()};
  py::register_exception_translator([](std::exception_ptr x) {
    try {
      if (x) std::rethrow_exception(x);
    } catch (const LlmError& error) {
      const auto made = exception_of(error);
      PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(made.ptr())), made.ptr());
    }
  });
  bind_types(m);
  bind_calls(m);
  bind_routers(m);
}
