// Nobody is inside ONNX Runtime while the process's static destructors run: its own would pull the ground from under a running call. The
// end is met twice: by Node's 'exit' event on the main thread (binding/onnx.cc), which comes before exit() for process.exit(), an uncaught
// throw and a natural end; and, for whatever goes round that, by a handler of exit() itself. Used by every thread that calls ONNX Runtime.
#pragma once

namespace vitrine {

// Lives as long as a thread is inside; not entered() once the process has begun to end.
class [[nodiscard]] InsideOrt {
 public:
  InsideOrt();
  ~InsideOrt();
  InsideOrt(const InsideOrt&) = delete;
  InsideOrt& operator=(const InsideOrt&) = delete;
  bool entered() const { return entered_; }

 private:
  bool entered_;
};

// The process is about to exit: nobody gets in any more, what runs is interrupted, and waited for, but not long.
void EndOrt();

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
