// Replays seeds and mutations of them through a fuzz target. Usage: TARGET SEED_DIR ROUNDS
#include "fuzz/driver.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

namespace {

using Input = std::vector<std::uint8_t>;

std::vector<Input> read_seeds(const std::filesystem::path& dir) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Input> seeds;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return seeds;
}

class Mutator {
 public:
  explicit Mutator(const std::vector<Input>& seeds) : seeds_(seeds) {}

  Input next() {
    Input input = seeds_[below(seeds_.size())];
    for (std::size_t changes = 1 + below(4); changes > 0; --changes) change(input);
    return input;
  }

 private:
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }

  void change(Input& input) {
    static constexpr std::uint8_t kEdges[] = {0x00, 0x01, 0x7f, 0x80, 0xff, '"', '{', '[', '-', '9'};
    const auto at = static_cast<std::ptrdiff_t>(below(input.size() + 1));
    const auto rest = static_cast<std::ptrdiff_t>(input.size()) - at;
    switch (below(6)) {
      case 0:  // flip a bit
        if (rest > 0) input[static_cast<std::size_t>(at)] ^= static_cast<std::uint8_t>(1U << below(8));
        break;
      case 1:  // an interesting byte
        if (rest > 0) input[static_cast<std::size_t>(at)] = kEdges[below(std::size(kEdges))];
        break;
      case 2:  // cut the end off
        input.resize(static_cast<std::size_t>(at));
        break;
      case 3:  // take a piece out
        input.erase(input.begin() + at,
                    input.begin() + at + static_cast<std::ptrdiff_t>(below(static_cast<std::size_t>(rest) + 1)));
        break;
      case 4: {  // a piece of another seed
        const Input& other = seeds_[below(seeds_.size())];
        const auto from = static_cast<std::ptrdiff_t>(below(other.size() + 1));
        const auto count = std::min<std::ptrdiff_t>(64, static_cast<std::ptrdiff_t>(other.size()) - from);
        input.insert(input.begin() + at, other.begin() + from, other.begin() + from + count);
        break;
      }
      default:  // four bytes of an integer
        for (std::ptrdiff_t i = 0; i < std::min<std::ptrdiff_t>(4, rest); ++i) {
          input[static_cast<std::size_t>(at + i)] = kEdges[below(5)];
        }
    }
  }

  const std::vector<Input>& seeds_;
  std::mt19937_64 random_{20240229};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: TARGET SEED_DIR ROUNDS\n", stderr);
    return 2;
  }
  const std::vector<Input> seeds = read_seeds(argv[1]);
  if (seeds.empty()) {
    std::fputs("no seeds\n", stderr);
    return 2;
  }
  const long rounds = std::strtol(argv[2], nullptr, 10);
  LLVMFuzzerTestOneInput(nullptr, 0);
  for (const Input& seed : seeds) LLVMFuzzerTestOneInput(seed.data(), seed.size());
  Mutator mutator(seeds);
  for (long i = 0; i < rounds; ++i) {
    const Input input = mutator.next();
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%zu seeds, %ld mutations\n", seeds.size(), rounds);
  return 0;
}
