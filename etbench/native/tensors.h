// Tensors of a safetensors file, read one at a time and written all at once.
//
// The format: eight bytes with the length of the header, little-endian; the header, a JSON object of each
// tensor's dtype, shape and offsets; the bytes of the tensors.
#pragma once

#include <executorch/extension/tensor/tensor.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "json_writer.h"
#include "task.h"

namespace etbench {

using executorch::aten::ScalarType;
using executorch::aten::Tensor;
using executorch::extension::TensorPtr;

inline constexpr std::pair<const char*, ScalarType> kDtypes[] = {
    {"F32", ScalarType::Float}, {"F16", ScalarType::Half},     {"BF16", ScalarType::BFloat16},
    {"F64", ScalarType::Double}, {"I64", ScalarType::Long},    {"I32", ScalarType::Int},
    {"I16", ScalarType::Short}, {"I8", ScalarType::Char},      {"U8", ScalarType::Byte},
    {"BOOL", ScalarType::Bool},
};

inline ScalarType scalar_type_of(const std::string& dtype) {
  for (const auto& [name, type] : kDtypes) {
    if (dtype == name) return type;
  }
  throw std::runtime_error("the native runner does not support tensors of dtype " + dtype);
}

inline const char* dtype_of(ScalarType type) {
  for (const auto& [name, found] : kDtypes) {
    if (type == found) return name;
  }
  throw std::runtime_error("the native runner does not support outputs of this dtype");
}

// The reference inputs of an artifact, named `input.{batch}.{number}` by etbench/artifact/references.py.
//
// A field of the task describes each of them: its dtype, its offset in the file and size in bytes, its shape.
class References {
 public:
  References(const std::string& path, const Task& task) : file_(path, std::ios::binary), task_(task) {
    if (!file_) throw std::runtime_error("the reference inputs cannot be read: " + path);
  }

  bool has(size_t batch) const { return task_.find(key(batch, 0)) != nullptr; }

  // Return the inputs of a batch, each in memory of its own that is aligned as PyTorch's is.
  std::vector<TensorPtr> inputs(size_t batch) {
    std::vector<TensorPtr> found;
    while (task_.find(key(batch, found.size()))) found.push_back(read(key(batch, found.size())));
    return found;
  }

 private:
  static constexpr size_t kAlignment = 64;

  static std::string key(size_t batch, size_t number) {
    return "input." + std::to_string(batch) + "." + std::to_string(number);
  }

  TensorPtr read(const std::string& key) {
    std::istringstream words(task_.text(key));
    std::string dtype, place, length, size;
    if (!(words >> dtype >> place >> length)) {
      refuse_field(key, task_.text(key), "a dtype, an offset, a length and sizes");
    }
    const ScalarType type = scalar_type_of(dtype);
    const auto from = count_in<uint64_t>(key, place), bytes_wanted = count_in<uint64_t>(key, length);
    std::vector<executorch::aten::SizesType> sizes;
    uint64_t bytes_of_shape = executorch::runtime::elementSize(type);
    while (words >> size) {
      sizes.push_back(static_cast<executorch::aten::SizesType>(count_in<uint32_t>(key, size)));
      bytes_of_shape *= static_cast<uint64_t>(sizes.back());
    }
    if (bytes_of_shape != bytes_wanted) refuse_field(key, task_.text(key), "a tensor of " + length + " bytes");
    const size_t room = (bytes_wanted + kAlignment) / kAlignment * kAlignment;
    std::shared_ptr<void> bytes(std::aligned_alloc(kAlignment, room), std::free);
    file_.seekg(static_cast<std::streamoff>(from));
    if (!bytes || !file_.read(static_cast<char*>(bytes.get()), static_cast<std::streamsize>(bytes_wanted))) {
      throw std::runtime_error("the reference inputs are truncated");
    }
    std::vector<executorch::aten::DimOrderType> order;
    if (const std::string* wanted = task_.find(key + ".order")) {
      if (*wanted != "0 2 3 1" || sizes.size() != 4) refuse_field(key + ".order", *wanted, "0 2 3 1 for four axes");
      bytes = with_channels_last(bytes, room, sizes, executorch::runtime::elementSize(type));
      order = {0, 2, 3, 1};
    }
    void* data = bytes.get();
    return executorch::extension::for_blob(data, std::move(sizes), type)
        .dim_order(std::move(order))
        .deleter([bytes](void*) {})  // keeps them as long as the tensor lives
        .dynamism(executorch::aten::TensorShapeDynamism::STATIC)
        .make_tensor_ptr();
  }

  // Return the elements of a tensor of four axes in the order in which those of its second axis lie side by side.
  static std::shared_ptr<void> with_channels_last(
      const std::shared_ptr<void>& from,
      size_t room,
      const std::vector<executorch::aten::SizesType>& sizes,
      size_t size) {
    std::shared_ptr<void> to(std::aligned_alloc(kAlignment, room), std::free);
    if (!to) throw std::runtime_error("there is no memory for the reference inputs");
    const auto* source = static_cast<const char*>(from.get());
    auto* target = static_cast<char*>(to.get());
    const auto channels = static_cast<size_t>(sizes[1]);
    const auto area = static_cast<size_t>(sizes[2]) * static_cast<size_t>(sizes[3]);
    for (size_t image = 0; image < static_cast<size_t>(sizes[0]); ++image, source += channels * area * size) {
      for (size_t pixel = 0; pixel < area; ++pixel) {
        for (size_t channel = 0; channel < channels; ++channel, target += size) {
          std::memcpy(target, source + (channel * area + pixel) * size, size);
        }
      }
    }
    return to;
  }

  std::ifstream file_;
  const Task& task_;
};

// Outputs that are written to a safetensors file.
class Outputs {
 public:
  void add(const std::string& name, const Tensor& tensor) {
    const std::vector<int64_t> shape(tensor.sizes().begin(), tensor.sizes().end());
    const std::vector<size_t> place = {bytes_.size(), bytes_.size() + tensor.nbytes()};
    header_.raw(
        name,
        json::Writer()
            .add("dtype", dtype_of(tensor.scalar_type()))
            .add("shape", shape)
            .add("data_offsets", place)
            .text());
    append(tensor);
  }

  void write(const std::string& path) const {
    const std::string header = header_.text();
    const uint64_t length = header.size();
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&length), sizeof length);
    file << header << bytes_;
    if (!file.flush()) throw std::runtime_error("the outputs cannot be written: " + path);
  }

 private:
  // Elements go into the file in the order of their indices, whatever their order in memory, such as channels last.
  void append(const Tensor& tensor) {
    const auto* data = static_cast<const char*>(tensor.const_data_ptr());
    const auto sizes = tensor.sizes();
    const auto strides = tensor.strides();
    const auto dims = static_cast<size_t>(tensor.dim());
    size_t dense = static_cast<size_t>(tensor.element_size());  // bytes of what is in order from this axis on
    size_t outer = dims;
    while (outer > 0 && static_cast<size_t>(strides[outer - 1] * tensor.element_size()) == dense) {
      dense *= static_cast<size_t>(sizes[--outer]);
    }
    std::vector<size_t> index(outer, 0);
    for (size_t left = tensor.nbytes() / std::max<size_t>(dense, 1); left > 0; --left) {
      size_t at = 0;
      for (size_t axis = 0; axis < outer; ++axis) at += index[axis] * static_cast<size_t>(strides[axis]);
      bytes_.append(data + at * static_cast<size_t>(tensor.element_size()), dense);
      for (size_t axis = outer; axis-- > 0 && ++index[axis] == static_cast<size_t>(sizes[axis]);) index[axis] = 0;
    }
  }

  json::Writer header_;
  std::string bytes_;
};

}  // namespace etbench
