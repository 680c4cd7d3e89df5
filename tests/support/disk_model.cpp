#include "support/disk_model.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <random>
#include <stdexcept>

namespace pfcache::test {
namespace {

using Kind = RecordingFileOps::Kind;

void put_at(std::string& bytes, std::uint64_t offset, std::string_view piece) {
  if (bytes.size() < offset + piece.size()) bytes.resize(offset + piece.size(), '\0');
  bytes.replace(offset, piece.size(), piece);
}

// One of the things a disk may have of bytes that were written and not synced.
std::string torn(const std::string& synced, const std::string& written, std::mt19937_64& random) {
  if (synced == written) return written;
  const std::size_t at = random() % (written.size() + 1);
  switch (random() % 4) {
    case 0: return synced;
    case 1: return written;
    case 2: return written.substr(0, at);
    default: return written.substr(0, at) + std::string(written.size() - at, '\0');
  }
}

}  // namespace

DiskModel::DiskModel(const std::vector<RecordingFileOps::Initial>& initial) : root_(make(true)) {
  for (const auto& [path, bytes] : initial) {
    Node* node = make(!bytes);
    if (bytes) node->bytes = node->synced_bytes = *bytes;
    const Edit edit = edit_of(path, node);
    edit.directory->entries[edit.name] = node;
    edit.directory->synced_entries[edit.name] = node;
  }
}

DiskModel::Node* DiskModel::make(bool is_directory) {
  nodes_.push_back(std::make_unique<Node>());
  nodes_.back()->is_directory = is_directory;
  return nodes_.back().get();
}

DiskModel::Node* DiskModel::find(std::string_view path) const {
  Node* node = root_;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const auto entry = node->entries.find(std::string(path.substr(0, slash)));
    if (entry == node->entries.end())
      throw std::logic_error("the record names what it never made: " + std::string(path));
    node = entry->second;
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return node;
}

DiskModel::Edit DiskModel::edit_of(std::string_view path, Node* node) const {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {root_, std::string(path), node};
  return {find(path.substr(0, slash)), std::string(path.substr(slash + 1)), node};
}

void DiskModel::apply_edit(Entries& entries, const Edit& edit) {
  if (edit.node == nullptr) {
    entries.erase(edit.name);
  } else {
    entries[edit.name] = edit.node;
  }
}

void DiskModel::change(Change edits) {
  for (const Edit& edit : edits) apply_edit(edit.directory->entries, edit);
  unsynced_.push_back(std::move(edits));
}

void DiskModel::sync_directory(Node* directory) {
  std::vector<Change> rest;
  for (Change& edits : unsynced_) {
    const bool touches =
        std::any_of(edits.begin(), edits.end(), [=](const Edit& e) { return e.directory == directory; });
    if (!touches) {
      rest.push_back(std::move(edits));
      continue;
    }
    for (const Edit& edit : edits) apply_edit(edit.directory->synced_entries, edit);
  }
  unsynced_ = std::move(rest);
}

void DiskModel::apply(const RecordingFileOps::Call& call) {
  if (!call.done) return;
  switch (call.kind) {
    case Kind::open_existing:
    case Kind::attribute: break;
    case Kind::create: change({edit_of(call.path, make(false))}); break;
    case Kind::mkdir: change({edit_of(call.path, make(true))}); break;
    case Kind::unlink: change({edit_of(call.path, nullptr)}); break;
    case Kind::rename: change({edit_of(call.path, nullptr), edit_of(call.to, find(call.path))}); break;
    case Kind::truncate: find(call.path)->bytes.clear(); break;
    case Kind::write: put_at(find(call.path)->bytes, call.offset, call.bytes); break;
    case Kind::extend: put_at(find(call.path)->bytes, call.offset, {}); break;
    case Kind::resize: find(call.path)->bytes.resize(call.offset); break;
    case Kind::sync_file: find(call.path)->synced_bytes = find(call.path)->bytes; break;
    case Kind::sync_directory: sync_directory(find(call.path)); break;
  }
}

DiskModel::Tree DiskModel::tree_after(Crash crash, std::uint64_t seed) const {
  Tree tree;
  for (const auto& node : nodes_) tree[node.get()] = crash == Crash::keep_all ? node->entries : node->synced_entries;
  if (crash != Crash::random) return tree;
  std::mt19937_64 random(seed);
  for (const Change& edits : unsynced_) {
    if (random() % 2 == 0) continue;
    for (const Edit& edit : edits) apply_edit(tree[edit.directory], edit);
  }
  return tree;
}

void DiskModel::write_to(const std::filesystem::path& dest, Crash crash, std::uint64_t seed) const {
  const Tree tree = tree_after(crash, seed);
  std::mt19937_64 random(~seed);
  const std::function<void(const Node*, const std::filesystem::path&)> write = [&](const Node* directory,
                                                                                   const std::filesystem::path& path) {
    for (const auto& [name, node] : tree.at(directory)) {
      if (node->is_directory) {
        std::filesystem::create_directory(path / name);
        write(node, path / name);
        continue;
      }
      std::string bytes = crash == Crash::keep_all ? node->bytes : node->synced_bytes;
      if (crash == Crash::random) bytes = torn(node->synced_bytes, node->bytes, random);
      std::ofstream file(path / name, std::ios::binary);
      file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      if (!file.flush()) throw std::runtime_error("cannot write " + (path / name).native());
    }
  };
  write(root_, dest);
}

}  // namespace pfcache::test
