#include "support/temp_dir.hpp"

#include <cstdlib>
#include <string>

#include "pfcache/error.hpp"

namespace pfcache::test {

TempDir::TempDir() {
  std::string name = (std::filesystem::temp_directory_path() / "pfcache-test-XXXXXX").native();
  if (::mkdtemp(name.data()) == nullptr) throw Error::from_last_errno("cannot make " + name);
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace pfcache::test
