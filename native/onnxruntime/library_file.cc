// ELF segments, Mach-O load commands and PE sections read from bytes, behind library_file.h. Everything found in the file is untrusted.
#include "library_file.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "../platform/file.h"

namespace vitrine {
namespace {

Status Bad(const std::string& path, const std::string& what) { return Status::Error("ERR_DEVICE_UNAVAILABLE", path + ": " + what); }

// Bytes of the file in the order of one format; a read beyond the end gives nothing.
class Bytes {
 public:
  Bytes(const File& file, uint64_t begin, uint64_t size) : file_(file), begin_(begin), size_(size) {}
  uint64_t size() const { return size_; }
  bool Has(uint64_t offset, uint64_t count) const { return offset <= size_ && count <= size_ - offset; }

  std::optional<std::vector<uint8_t>> Read(uint64_t offset, uint64_t count) const {
    if (!Has(offset, count)) return std::nullopt;
    std::vector<uint8_t> bytes(count);
    int error = 0;
    if (file_.ReadAt(bytes.data(), int64_t(count), begin_ + offset, &error) != int64_t(count)) return std::nullopt;
    return bytes;
  }

 private:
  const File& file_;
  const uint64_t begin_, size_;
};

// Little-endian fields of a header that was read whole.
uint64_t Field(const std::vector<uint8_t>& bytes, size_t offset, int width, bool big_endian = false) {
  uint64_t value = 0;
  for (int i = 0; i < width; i++) value |= uint64_t(bytes[offset + size_t(i)]) << 8 * (big_endian ? width - 1 - i : i);
  return value;
}

std::string Cut(const std::string& part, uint64_t end, uint64_t size) {
  return "truncated: " + part + " ends at byte " + std::to_string(end) + ", the file has " + std::to_string(size);
}
std::string CutHeader(const char* what, uint64_t size) {
  return std::string("truncated: its ") + what + " do not fit into the " + std::to_string(size) + " bytes that the file has";
}
// A part of offset and length; "" where it lies inside.
std::string Outside(const Bytes& bytes, const std::string& part, uint64_t offset, uint64_t length) {
  if (bytes.Has(offset, length)) return "";
  return length > UINT64_MAX - offset ? part + " has an impossible size" : Cut(part, offset + length, bytes.size());
}

constexpr uint64_t kMostParts = 4096;  // segments, sections, commands: real libraries have tens

#if defined(__x86_64__) || defined(_M_X64)
constexpr uint64_t kElfMachine = 62, kPeMachine = 0x8664, kMachCpu = 0x01000007;
#elif defined(__aarch64__) || defined(_M_ARM64)
constexpr uint64_t kElfMachine = 183, kPeMachine = 0xaa64, kMachCpu = 0x0100000c;
#else
constexpr uint64_t kElfMachine = 0, kPeMachine = 0, kMachCpu = 0;
#endif

std::string WrongMachine(uint64_t found, uint64_t expected) {
  return "a library for another processor (machine " + std::to_string(found) + ", this one is " + std::to_string(expected) + ")";
}

std::string CheckElf(const Bytes& bytes) {
  const auto header = bytes.Read(0, 64);
  if (!header) return CutHeader("ELF headers", bytes.size());
  if ((*header)[4] != 2 || (*header)[5] != 1) return "an ELF file that is not of 64 bits, little-endian";
  if (const uint64_t machine = Field(*header, 18, 2); machine != kElfMachine) return WrongMachine(machine, kElfMachine);
  if (Field(*header, 16, 2) != 3) return "an ELF file that is not a shared library";
  const uint64_t segments_at = Field(*header, 32, 8), sections_at = Field(*header, 40, 8);
  const uint64_t segment_size = Field(*header, 54, 2), segments = Field(*header, 56, 2);
  const uint64_t section_size = Field(*header, 58, 2), sections = Field(*header, 60, 2);
  if (segment_size != 56 || segments == 0 || segments > kMostParts) return "an ELF file with impossible program headers";
  const auto table = bytes.Read(segments_at, segments * segment_size);
  if (!table) return CutHeader("program headers", bytes.size());
  bool loads = false;
  for (uint64_t i = 0; i < segments; i++) {
    const size_t at = size_t(i * segment_size);
    const uint64_t type = Field(*table, at, 4), offset = Field(*table, at + 8, 8), in_file = Field(*table, at + 32, 8);
    const uint64_t address = Field(*table, at + 16, 8), in_memory = Field(*table, at + 40, 8);
    if (type == 1) {
      loads = true;
      if (in_memory < in_file || in_memory > UINT64_MAX - address) return "an ELF file with an impossible segment " + std::to_string(i);
    }
    if (std::string bad = Outside(bytes, "segment " + std::to_string(i), offset, in_file); !bad.empty()) return bad;
  }
  if (!loads) return "an ELF file without segments to load";
  // Not needed to load it, but the last thing in a file: a table beyond the end tells a cut that no segment shows.
  return sections_at == 0 ? "" : Outside(bytes, "the table of sections", sections_at, sections * section_size);
}

std::string CheckMachO(const Bytes& bytes) {
  const auto header = bytes.Read(0, 32);
  if (!header) return CutHeader("Mach-O headers", bytes.size());
  if (const uint64_t cpu = Field(*header, 4, 4); cpu != kMachCpu) return WrongMachine(cpu, kMachCpu);
  if (const uint64_t type = Field(*header, 12, 4); type != 6 && type != 8) return "a Mach-O file that is not a shared library";
  const uint64_t commands = Field(*header, 16, 4), length = Field(*header, 20, 4);
  if (commands == 0 || commands > kMostParts || length > (uint64_t{1} << 24)) return "a Mach-O file with impossible load commands";
  const auto table = bytes.Read(32, length);
  if (!table) return CutHeader("load commands", bytes.size());
  size_t at = 0;
  for (uint64_t i = 0; i < commands; i++) {
    if (table->size() - at < 8) return "a Mach-O file with impossible load commands";
    const uint64_t kind = Field(*table, at, 4), size = Field(*table, at + 4, 4);
    if (size < 8 || size > table->size() - at) return "a Mach-O file with impossible load commands";
    const std::string name = "load command " + std::to_string(i);
    std::string bad;
    if (kind == 0x19) {  // a segment of 64 bits
      if (size < 72) return "a Mach-O file with impossible load commands";
      bad = Outside(bytes, name, Field(*table, at + 40, 8), Field(*table, at + 48, 8));
    } else if (kind == 0x1d || kind == 0x26 || kind == 0x29 || kind == 0x80000033 || kind == 0x80000034) {  // data of the link editor
      if (size < 16) return "a Mach-O file with impossible load commands";
      bad = Outside(bytes, name, Field(*table, at + 8, 4), Field(*table, at + 12, 4));
    }
    if (!bad.empty()) return bad;
    at += size_t(size);
  }
  return "";
}

// Several Mach-O files in one, big-endian: the part for this processor.
std::string CheckUniversal(const File& file, const Bytes& bytes) {
  const auto header = bytes.Read(0, 8);
  if (!header) return CutHeader("Mach-O headers", bytes.size());
  const uint64_t count = Field(*header, 4, 4, true);
  if (count == 0 || count > 64) return "not a library of any format known here";  // Java's classes begin with the same bytes
  const auto table = bytes.Read(8, count * 20);
  if (!table) return CutHeader("Mach-O headers", bytes.size());
  for (uint64_t i = 0; i < count; i++) {
    const size_t at = size_t(i * 20);
    if (Field(*table, at, 4, true) != kMachCpu) continue;
    const uint64_t offset = Field(*table, at + 8, 4, true), size = Field(*table, at + 12, 4, true);
    if (std::string bad = Outside(bytes, "the part for this processor", offset, size); !bad.empty()) return bad;
    const Bytes part(file, offset, size);
    const auto magic = part.Read(0, 4);
    if (!magic || Field(*magic, 0, 4) != 0xfeedfacf) return "a universal file whose part for this processor is not Mach-O";
    return CheckMachO(part);
  }
  return "a library for other processors than this one";
}

std::string CheckPe(const Bytes& bytes) {
  const auto dos = bytes.Read(0, 64);
  if (!dos) return CutHeader("PE headers", bytes.size());
  const uint64_t start = Field(*dos, 60, 4);
  const auto header = bytes.Read(start, 24);
  if (!header) return CutHeader("PE headers", bytes.size());
  if (std::memcmp(header->data(), "PE\0\0", 4) != 0) return "a DOS program, not a library";
  if (const uint64_t machine = Field(*header, 4, 2); machine != kPeMachine) return WrongMachine(machine, kPeMachine);
  if ((Field(*header, 22, 2) & 0x2000) == 0) return "a PE file that is not a DLL";
  const uint64_t sections = Field(*header, 6, 2), optional = Field(*header, 20, 2);
  if (sections == 0 || sections > kMostParts) return "a PE file with impossible sections";
  const auto table = bytes.Read(start + 24 + optional, sections * 40);
  if (!table) return CutHeader("section headers", bytes.size());
  for (uint64_t i = 0; i < sections; i++) {
    const size_t at = size_t(i * 40);
    std::string bad = Outside(bytes, "section " + std::to_string(i), Field(*table, at + 20, 4), Field(*table, at + 16, 4));
    if (!bad.empty()) return bad;
  }
  return "";
}

enum class Format { kNone, kElf, kMachO, kPe };
#if defined(_WIN32)
constexpr Format kOurs = Format::kPe;
#elif defined(__APPLE__)
constexpr Format kOurs = Format::kMachO;
#else
constexpr Format kOurs = Format::kElf;
#endif

const char* NameOf(Format format) {
  return format == Format::kElf ? "ELF" : format == Format::kMachO ? "Mach-O" : format == Format::kPe ? "PE" : "none";
}

}  // namespace

Status CheckLibraryFile(const std::string& path) {
  File file;
  FileIdentity identity;
  int error = file.Open(path);
  if (error == 0) error = file.Identify(&identity);
  if (error == EINVAL) return Bad(path, "a folder or a device, expected ONNX Runtime's library");
  if (error != 0) return Bad(path, ErrorText(error));
  const Bytes bytes(file, 0, identity.size);
  const auto start = bytes.Read(0, 4);
  Format format = Format::kNone;
  std::string bad;
  if (start && std::memcmp(start->data(), "\177ELF", 4) == 0) {
    format = Format::kElf, bad = CheckElf(bytes);
  } else if (start && Field(*start, 0, 4) == 0xfeedfacf) {
    format = Format::kMachO, bad = CheckMachO(bytes);
  } else if (start && Field(*start, 0, 4, true) == 0xcafebabe) {
    format = Format::kMachO, bad = CheckUniversal(file, bytes);
  } else if (start && (*start)[0] == 'M' && (*start)[1] == 'Z') {
    format = Format::kPe, bad = CheckPe(bytes);
  } else {
    bad = "not a library: it begins like no " + std::string(NameOf(kOurs)) + " file (" + std::to_string(identity.size) + " bytes)";
  }
  if (!bad.empty()) return Bad(path, bad);
  if (format != kOurs) return Bad(path, std::string("a library in the format ") + NameOf(format) + ", this system loads " + NameOf(kOurs));
  return Status::Ok();
}

}  // namespace vitrine
