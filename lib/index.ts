// The public API: exports, nothing else.
export { type ErrorCode, errorCodes, VitrineError } from './errors'
