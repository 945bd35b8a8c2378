// Every failure of vitrine: one class, a `code` for programs, a message for people.

/** Codes of {@link VitrineError}, with what each means. */
export const errorCodes = {
  ERR_OPTION_UNKNOWN: 'an option that does not exist; the message lists those that do',
  ERR_OPTION_INVALID: 'an option of the wrong type or out of range',
  ERR_CHECKPOINT_NOT_FOUND: 'no checkpoint at this place',
  ERR_CHECKPOINT_AMBIGUOUS: 'two candidate weight files of one rank',
  ERR_CHECKPOINT_UNSUPPORTED: 'a family, container or option that vitrine does not compute',
  ERR_CHECKPOINT_TRUNCATED: 'a weight file shorter than its header says',
  ERR_CHECKPOINT_INVALID: 'a malformed weight file, header or config',
  ERR_CHECKPOINT_CHANGED: 'a weight file that changed while it was being read',
  ERR_CONFIG_MISMATCH: 'a config that contradicts the weights',
  ERR_TENSOR_MISSING: 'a tensor the family needs is not in the file',
  ERR_TENSOR_UNKNOWN: 'a tensor in the file that the family does not know',
  ERR_TENSOR_SHAPE: 'a tensor of another shape than the family needs',
  ERR_TENSOR_DTYPE: 'a tensor stored in a type that vitrine does not read',
  ERR_HEADS_UNKNOWN: 'nothing says how many attention heads there are',
  ERR_MODEL_NOT_INSTALLED: 'load() without a source, and no default checkpoint is installed',
  ERR_MODEL_CLOSED: 'a call on a model that was closed',
  ERR_NO_IMAGES: 'no images given',
  ERR_IMAGE_EMPTY: 'an image without bytes',
  ERR_IMAGE_NOT_FOUND: 'an image file or URL that cannot be read',
  ERR_IMAGE_UNSUPPORTED: 'bytes that are no image of a supported format',
  ERR_IMAGE_TOO_LARGE: 'an image above the pixel limit',
  ERR_IMAGE_DECODE: 'an image that is damaged',
  ERR_IMAGE_DIMS: 'dims, sizes or buffers of an image that do not fit together',
  ERR_IMAGE_SIZE: 'a size that the patch does not divide, or that contradicts the input',
  ERR_PREPROCESS_UNSUPPORTED: 'a field of the preprocessing that vitrine does not have yet; pixel values still work',
  ERR_POOL_UNAVAILABLE: 'a pool that this checkpoint does not have',
  ERR_TIMEOUT: 'timeoutMs has passed',
  ERR_ABORTED: 'cancelled without a reason of its own',
  ERR_DEVICE_UNAVAILABLE: 'the device asked for cannot run',
  ERR_DEVICE_FAILED: 'the device broke off a run',
  ERR_OUTPUT_NOT_FINITE: 'a result that is not finite although its input is',
  ERR_DTYPE_UNAVAILABLE: 'the dtype asked for is not there',
  ERR_ISA_UNSUPPORTED: 'VITRINE_ISA names an instruction set that this machine does not have',
  ERR_PLATFORM: 'no binary for this platform',
  ERR_FILE_WRITE: 'a file that cannot be written',
  ERR_OUT_OF_MEMORY: 'an allocation failed',
  ERR_ENVIRONMENT_CLOSING: 'the worker or window that made the call is being torn down',
  ERR_INTERNAL: 'a bug in vitrine',
} as const

export type ErrorCode = keyof typeof errorCodes

/** What every rejected call of vitrine rejects with, except an abort, which rejects with `signal.reason`. */
export class VitrineError extends Error {
  override readonly name = 'VitrineError'
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options)
  }
}
