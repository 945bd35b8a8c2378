// Whether ONNX Runtime is installed for the tests: it is where npm install has run, except on platforms that it has no binary for.
import { thisHost } from '../../lib/onnx/host'
import { searchLibraries } from '../../lib/onnx/library'

/** The library that tests run on; undefined where there is none. */
export const ortLibrary = searchLibraries(thisHost()).find(({ path }) => path !== undefined)?.path
