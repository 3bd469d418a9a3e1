// node run.mjs FOLDER QUESTION: pyodide_frames.py in Pyodide, with the packages in FOLDER and the ids of the
// environment. A page does the same with `loadPyodide` and a wheel of the package.
import { loadPyodide } from "pyodide";

globalThis.WebSocket ??= (await import("ws")).WebSocket; // Node has one of its own since 22.
const [folder, question] = process.argv.slice(2);
const ids = ["SERVER_URL", "API_KEY", "CHARACTER_ID", "PLAYER_ID"].map((id) => process.env[`ESTUARY_${id}`]);
const python = await loadPyodide();
python.mountNodeFS("/packages", folder);
python.mountNodeFS("/program", import.meta.dirname);
python.globals.set("given", python.toPy({ ids, question }));
try {
  await python.runPythonAsync(`
import sys
sys.path += ["/packages", "/program"]
from estuary_proto import EstuaryConfig
from pyodide_frames import talk
await talk(EstuaryConfig(*given["ids"], auto_reconnect=False), given["question"])
`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
