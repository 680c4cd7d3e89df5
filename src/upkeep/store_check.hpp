// One check of a store, or one repair: a check that writes.
#pragma once

#include <string>
#include <vector>

#include "pfcache/check.hpp"
#include "pfcache/engine_file.hpp"
#include "snapshot/verification.hpp"

namespace pfcache {

class StoreCheck {
 public:
  /// `mender` may be null: then nothing is written. REQUIRES: all outlive this object.
  StoreCheck(const Store& store, const CheckScope& scope, const VerifyOptions& options, const BlobMender* mender);

  /// Reads blobs, seals, engine files, and of a whole store prompts, warm starts and names.
  [[nodiscard]] VerifyReport run();

 private:
  void note_recipes();
  void check_seal(const Digest& snapshot);
  [[nodiscard]] bool mend_seal(const Digest& snapshot);
  void check_engine_files();
  void check_engine_file(const FileRecord& record);
  void check_names();
  void check_name(const std::string& name);
  [[nodiscard]] bool is_here(const Digest& snapshot) const;

  const Store& store_;
  const CheckScope& scope_;
  const VerifyOptions& options_;
  const BlobMender* const mender_;
  Verification verification_;
};

}  // namespace pfcache
