// Three JPEGs by sharp, the way its documentation shows: one call for each size, from the file.
// Called by bench.py: node sharp.mjs REPEATS PHOTO FOLDER. Prints one line of JSON.
import { readFileSync, writeFileSync } from 'node:fs';
import sharp from 'sharp';

const [repeats, photo, folder] = process.argv.slice(2);
const SIZES = [300, 600, 1200];

sharp.concurrency(1);
sharp.cache(false);

const data = readFileSync(photo);
const inside = (side) =>
  sharp(data).rotate().resize(side, side, { fit: 'inside', withoutEnlargement: true });

const cpu = [];
const wall = [];
let bytes = 0;
for (let round = 0; round <= Number(repeats); round += 1) {
  const before = process.cpuUsage();
  const start = process.hrtime.bigint();
  bytes = 0;
  for (const side of SIZES) {
    bytes += (await inside(side).jpeg({ quality: 80 }).toBuffer()).length;
  }
  const used = process.cpuUsage(before);
  if (round > 0) {
    cpu.push((used.user + used.system) / 1e6);
    wall.push(Number(process.hrtime.bigint() - start) / 1e9);
  }
}
// Not resourceUsage().maxRSS, which on Linux begins with the parent's.
const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;

const pixels = {};
for (const side of SIZES) {
  const { data: raw, info } = await inside(side)
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const file = `${folder}/sharp-${side}.raw`;
  writeFileSync(file, raw);
  pixels[side] = { file, width: info.width, height: info.height, bands: info.channels };
}
console.log(JSON.stringify({ cpu, wall, peak_mib: peak, bytes, pixels }));
