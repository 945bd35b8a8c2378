// Is a file a whole library for this machine? Looked at before it is opened: dlopen maps the segments that the header names, and touching
// one that lies beyond the end of a cut file is a signal, not an error. After it: library.h.
#pragma once

#include <string>

#include "../engine/status.h"

namespace vitrine {

// Reads the headers of an ELF, Mach-O or PE file, whichever it is: every part that they name must end within the file, and the format and
// the machine must be those of this process. ERR_DEVICE_UNAVAILABLE naming the path, what was expected and what was found.
Status CheckLibraryFile(const std::string& path);

}  // namespace vitrine
