#include "cas/byte_planes.hpp"

#include <cstring>

namespace pfcache {
namespace {

// A register of the width that every CPU of the architecture has; the shuffles below are single instructions of it.
using Vector [[gnu::vector_size(16)]] = unsigned char;
constexpr std::size_t kVector = sizeof(Vector);

Vector load(const std::byte* from) noexcept {
  Vector vector;
  std::memcpy(&vector, from, kVector);
  return vector;
}

void store(Vector vector, std::byte* to) noexcept { std::memcpy(to, &vector, kVector); }

Vector even_bytes(Vector a, Vector b) noexcept {
  return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}

Vector odd_bytes(Vector a, Vector b) noexcept {
  return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}

Vector low_halves(Vector a, Vector b) noexcept {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

Vector high_halves(Vector a, Vector b) noexcept {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

void split2(const std::byte* elements, std::size_t count, std::byte* plane0, std::byte* plane1) noexcept {
  std::size_t i = 0;
  for (; i + kVector <= count; i += kVector) {
    const Vector a = load(elements + 2 * i);
    const Vector b = load(elements + 2 * i + kVector);
    store(even_bytes(a, b), plane0 + i);
    store(odd_bytes(a, b), plane1 + i);
  }
  for (; i < count; ++i) {
    plane0[i] = elements[2 * i];
    plane1[i] = elements[2 * i + 1];
  }
}

void split4(const std::byte* elements, std::size_t count, std::byte* planes) noexcept {
  std::size_t i = 0;
  for (; i + kVector <= count; i += kVector) {
    Vector in[4];
    for (std::size_t part = 0; part < 4; ++part) in[part] = load(elements + 4 * i + part * kVector);
    const Vector even_low = even_bytes(in[0], in[1]);  // bytes 0 and 2 of each element, in turn
    const Vector even_high = even_bytes(in[2], in[3]);
    const Vector odd_low = odd_bytes(in[0], in[1]);
    const Vector odd_high = odd_bytes(in[2], in[3]);
    store(even_bytes(even_low, even_high), planes + i);
    store(even_bytes(odd_low, odd_high), planes + count + i);
    store(odd_bytes(even_low, even_high), planes + 2 * count + i);
    store(odd_bytes(odd_low, odd_high), planes + 3 * count + i);
  }
  for (; i < count; ++i) {
    for (std::size_t plane = 0; plane < 4; ++plane) planes[plane * count + i] = elements[4 * i + plane];
  }
}

void merge2(const std::byte* const* planes, std::size_t count, std::byte* elements) noexcept {
  std::size_t i = 0;
  for (; i + kVector <= count; i += kVector) {
    const Vector a = load(planes[0] + i);
    const Vector b = load(planes[1] + i);
    store(low_halves(a, b), elements + 2 * i);
    store(high_halves(a, b), elements + 2 * i + kVector);
  }
  for (; i < count; ++i) {
    elements[2 * i] = planes[0][i];
    elements[2 * i + 1] = planes[1][i];
  }
}

void merge4(const std::byte* const* planes, std::size_t count, std::byte* elements) noexcept {
  std::size_t i = 0;
  for (; i + kVector <= count; i += kVector) {
    const Vector even0 = load(planes[0] + i);
    const Vector odd0 = load(planes[1] + i);
    const Vector even1 = load(planes[2] + i);
    const Vector odd1 = load(planes[3] + i);
    const Vector evens[2] = {low_halves(even0, even1), high_halves(even0, even1)};
    const Vector odds[2] = {low_halves(odd0, odd1), high_halves(odd0, odd1)};
    for (std::size_t half = 0; half < 2; ++half) {
      store(low_halves(evens[half], odds[half]), elements + 4 * i + 2 * half * kVector);
      store(high_halves(evens[half], odds[half]), elements + 4 * i + (2 * half + 1) * kVector);
    }
  }
  for (; i < count; ++i) {
    for (std::size_t plane = 0; plane < 4; ++plane) elements[4 * i + plane] = planes[plane][i];
  }
}

}  // namespace

void split_planes(std::size_t width, std::span<const std::byte> elements, std::span<std::byte> planes) noexcept {
  const std::size_t count = elements.size() / width;
  if (width == 2) {
    split2(elements.data(), count, planes.data(), planes.data() + count);
  } else {
    split4(elements.data(), count, planes.data());
  }
}

void merge_planes(std::span<const std::byte* const> planes, std::span<std::byte> elements) noexcept {
  const std::size_t count = elements.size() / planes.size();
  if (planes.size() == 2) {
    merge2(planes.data(), count, elements.data());
  } else {
    merge4(planes.data(), count, elements.data());
  }
}

}  // namespace pfcache
