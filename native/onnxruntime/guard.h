// Nobody is inside ONNX Runtime while the process's static destructors run: its own would pull the ground from under a running call. Node's
// process.exit(), an uncaught throw and a natural end all come to exit(), whose handlers run last in, first out. Used by every thread that
// calls ONNX Runtime.
#pragma once

namespace vitrine {

// Lives as long as a thread is inside. From the beginning of the process's end on, the constructor never returns.
class InsideOrt {
 public:
  InsideOrt();
  ~InsideOrt();
  InsideOrt(const InsideOrt&) = delete;
  InsideOrt& operator=(const InsideOrt&) = delete;
};

// What can be ended early when the process exits: a run, a load.
class Interruptible {
 public:
  virtual ~Interruptible() = default;
  // Any thread, any number of times, soon and without waiting.
  virtual void Interrupt() = 0;
};
void AddInterruptible(Interruptible* one);
// Afterwards Interrupt is not called and is not being called.
void RemoveInterruptible(Interruptible* one);

// After every step that may have made new statics in ONNX Runtime or in the libraries of its providers (opening it, a session, a first
// run): the handler then comes before their destructors.
void GuardExit();

}  // namespace vitrine
