// A program of ExecuTorch, loaded and run as the Python binding does it (extension/pybindings/pybindings.cpp).
#pragma once

#include <executorch/extension/data_loader/mmap_data_loader.h>
#include <executorch/extension/memory_allocator/malloc_memory_allocator.h>
#include <executorch/runtime/backend/interface.h>
#include <executorch/runtime/backend/options.h>
#include <executorch/runtime/core/event_tracer.h>
#include <executorch/runtime/executor/method.h>
#include <executorch/runtime/executor/program.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "task.h"
#include "tensors.h"

// The pool of threads that kernels and XNNPACK share. The wheel exports it and leaves out its header.
namespace executorch::extension::threadpool {
class ThreadPool {
 public:
  size_t get_thread_count() const;
  bool _unsafe_reset_threadpool(uint32_t num_threads);
};
ThreadPool* get_threadpool();
}  // namespace executorch::extension::threadpool

namespace etbench {

using executorch::runtime::Error;
using executorch::runtime::EValue;
using executorch::runtime::Method;
using executorch::runtime::Result;
using executorch::runtime::Span;

// An error in a stage other than the current one; `what()` is the message.
struct Failure : std::runtime_error {
  Failure(std::string stage, const std::string& message, std::string hint = "")
      : std::runtime_error(message), stage(std::move(stage)), hint(std::move(hint)) {}
  std::string stage, hint;
};

inline std::string code_of(Error error) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%02x", static_cast<unsigned>(error));
  return text;
}

inline void refuse_if(Error error, const std::string& what) {
  if (error != Error::Ok) {
    const std::string message = "the runtime refuses the program: " + what + " failed with error ";
    throw Failure("load_program", message + code_of(error));
  }
}

// Set the options of XNNPACK's backend that the task gives; programs that are loaded afterwards use them.
inline void set_runtime_options(const Task& task) {
  executorch::runtime::BackendOptions<2> options;
  bool any = false;
  if (const std::string* sharing = task.find("runtime.workspace_sharing")) {
    static constexpr const char* modes[] = {"disabled", "per_model", "global"};  // WorkspaceSharingMode
    const auto found = std::find(std::begin(modes), std::end(modes), *sharing);
    if (found == std::end(modes)) {
      throw Failure(
          "load_program", "workspace_sharing is " + shown(*sharing) + ", which is not disabled, per_model or global");
    }
    const int number = static_cast<int>(found - std::begin(modes));
    any = options.set_option("workspace_sharing_mode", number) == Error::Ok;
  }
  if (task.find("runtime.weight_cache")) {
    any = options.set_option("weight_cache_enabled", task.flag("runtime.weight_cache")) == Error::Ok;
  }
  if (!any) return;
  if (Error error = executorch::runtime::set_option("XnnpackBackend", options.view()); error != Error::Ok) {
    throw Failure(
        "load_program",
        "the runtime does not accept the options of delegate.runtime: error " + code_of(error),
        "set them to null to use the runtime's defaults");
  }
}

inline size_t thread_count() { return executorch::extension::threadpool::get_threadpool()->get_thread_count(); }

class Program {
 public:
  // Map the file and check it, with a pool of so many threads.
  Program(const std::string& path, uint32_t threads) {
    // Only before a program is loaded; delegates keep using a pool that is replaced later.
    executorch::extension::threadpool::get_threadpool()->_unsafe_reset_threadpool(threads);
    using executorch::extension::MmapDataLoader;
    auto loader = MmapDataLoader::from(path.c_str(), MmapDataLoader::MlockConfig::UseMlockIgnoreErrors);
    refuse_if(loader.error(), "opening it");
    loader_ = std::make_unique<MmapDataLoader>(std::move(*loader));
    auto program = executorch::runtime::Program::load(loader_.get());
    refuse_if(program.error(), "loading it");
    program_ = std::make_unique<executorch::runtime::Program>(std::move(*program));
  }

  // Set up the method, including the delegates' packing of weights; a tracer gets the time of each operator.
  void load_method(executorch::runtime::EventTracer* tracer = nullptr) {
    const auto meta = program_->method_meta(kMethod);
    refuse_if(meta.error(), "finding its method");
    for (size_t i = 0; i < meta->num_memory_planned_buffers(); ++i) {
      const auto size = meta->memory_planned_buffer_size(i);
      refuse_if(size.error(), "planning its memory");
      arenas_.emplace_back(static_cast<size_t>(*size));
    }
    for (auto& arena : arenas_) spans_.emplace_back(arena.data(), arena.size());
    planned_.emplace(Span<Span<uint8_t>>(spans_.data(), spans_.size()));
    memory_.emplace(&method_allocator_, &*planned_, &temporary_allocator_);
    Result<Method> method = program_->load_method(kMethod, &*memory_, tracer);
    refuse_if(method.error(), "loading its method");
    method_ = std::make_unique<Method>(std::move(*method));
    make_room_for_outputs();
  }

  // Take these tensors as the inputs of the inferences to come.
  void use(std::vector<TensorPtr> inputs) {
    inputs_ = std::move(inputs);
    values_.clear();
    for (const TensorPtr& input : inputs_) values_.emplace_back(input);
  }

  // Run one inference: inputs set, method executed, outputs fetched and not copied.
  void infer() {
    run_if(method_->set_inputs({values_.data(), values_.size()}), "setting its inputs");
    for (size_t i = 0; i < storages_.size(); ++i) {
      if (!storages_[i].empty()) {
        run_if(method_->set_output_data_ptr(storages_[i].data(), storages_[i].size(), i), "placing its outputs");
      }
    }
    run_if(method_->execute(), "Method::execute");
    run_if(method_->get_outputs(outputs_.data(), outputs_.size()), "fetching its outputs");
  }

  // The outputs of the last inference, valid until the next.
  const std::vector<EValue>& outputs() const { return outputs_; }

 private:
  static constexpr const char* kMethod = "forward";

  static void run_if(Error error, const char* what) {
    if (error != Error::Ok) throw std::runtime_error(std::string(what) + " failed with error " + code_of(error));
  }

  // The memory plan may leave out the outputs; then the caller allocates them.
  void make_room_for_outputs() {
    const auto meta = method_->method_meta();
    outputs_.resize(method_->outputs_size());
    storages_.resize(outputs_.size());
    for (size_t i = 0; i < storages_.size(); ++i) {
      const auto tag = meta.output_tag(i);
      if (!tag.ok() || *tag != executorch::runtime::Tag::Tensor) continue;
      const auto output = meta.output_tensor_meta(i);
      refuse_if(output.error(), "placing its outputs");
      if (!output->is_memory_planned()) storages_[i].resize(output->nbytes());
    }
  }

  // In the order of their creation: each refers to those before it.
  std::unique_ptr<executorch::extension::MmapDataLoader> loader_;
  std::unique_ptr<executorch::runtime::Program> program_;
  executorch::extension::MallocMemoryAllocator method_allocator_, temporary_allocator_;
  std::vector<std::vector<uint8_t>> arenas_;
  std::vector<Span<uint8_t>> spans_;
  std::optional<executorch::runtime::HierarchicalAllocator> planned_;
  std::optional<executorch::runtime::MemoryManager> memory_;
  std::unique_ptr<Method> method_;
  std::vector<TensorPtr> inputs_;
  std::vector<EValue> values_, outputs_;
  std::vector<std::vector<uint8_t>> storages_;
};

}  // namespace etbench
