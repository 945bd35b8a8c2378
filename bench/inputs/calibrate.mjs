// OpenVINO's int8 model, which its own tool makes once from cls.onnx: it is prepared like the other files, not counted as load time.
// Before it: onnx-file.mjs; after it: ../peers/openvino_peer.py.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileOf } from '../peers/list.mjs'

export async function calibrateOpenVino(folder, interpreter, say) {
  if (existsSync(join(folder, 'openvino-int8.xml'))) return
  say('NNCF quantises for OpenVINO; minutes')
  const child = spawn(interpreter, [fileOf('openvino_peer.py'), 'calibrate', folder], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (text) => {
    said = (said + text).slice(-4000)
  })
  const code = await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject))
  if (code !== 0) throw new Error(`NNCF failed for ${folder} (exit code ${code})\n${said}`)
}
