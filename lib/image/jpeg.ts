// What a JPEG's frame header says (ITU T.81, B.2.2), so that decoding begins without a walk through a decoder's own header. Used by
// decode.ts.

const START_OF_IMAGE = 0xd8
const END_OF_IMAGE = 0xd9
const START_OF_SCAN = 0xda

/** Components of a JPEG: 1 grey, 3 colour, 4 CMYK. Undefined where these bytes are none, or no frame header comes before the first scan. */
export function jpegComponents(bytes: Uint8Array): number | undefined {
  if (bytes[0] !== 0xff || bytes[1] !== START_OF_IMAGE) return undefined
  for (let at = 2; bytes[at] === 0xff; ) {
    while (bytes[at] === 0xff) at++ // any number of fill bytes before a marker
    const marker = bytes[at++]!
    if (marker === END_OF_IMAGE || marker === START_OF_SCAN) return undefined
    if (isFrame(marker)) return bytes[at + 7]
    const alone = marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)
    if (!alone) at += bytes[at]! * 256 + bytes[at + 1]!
  }
  return undefined
}

/** Start of frame, of whatever process; among their numbers are three markers that are none. */
const isFrame = (marker: number) => marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
