// Placeholders of pictures: what a BlurHash describes, drawn until the picture is there.
// The format: https://github.com/woltapp/blurhash/blob/master/Algorithm.md

const DIGITS =
  "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";
const SIZE = 16; // pixels of the drawing, which the style sheet stretches
const MAX_WAVES = 9; // in one direction

/** The cosines of each wave at each pixel: the page opens sooner if they are not computed again. */
const WAVES = Array.from({ length: MAX_WAVES }, (_, wave) =>
  Array.from({ length: SIZE }, (_, at) => Math.cos((Math.PI * at * wave) / SIZE)),
);

/** @param {string} text */
const decode83 = (text) => [...text].reduce((sum, digit) => sum * 83 + DIGITS.indexOf(digit), 0);

/** @param {number} value of 0 to 255, in sRGB */
function linear(value) {
  const part = value / 255;
  return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
}

/** @param {number} value */
function srgb(value) {
  const part = Math.max(0, Math.min(1, value));
  return part <= 0.0031308 ? part * 12.92 * 255 : (1.055 * part ** (1 / 2.4) - 0.055) * 255;
}

/** @param {number} value @param {number} scale */
function signedSquare(value, scale) {
  const part = (value - 9) / 9;
  return Math.sign(part) * part * part * scale;
}

/**
 * The pixels of a BlurHash, or nothing if it is malformed.
 * @param {string} hash
 */
export function pixels(hash) {
  const columns = (decode83(hash[0] || "") % 9) + 1;
  const rows = Math.floor(decode83(hash[0] || "") / 9) + 1;
  if (hash.length !== 4 + 2 * columns * rows) return null;
  const scale = (decode83(hash[1]) + 1) / 166;
  const average = decode83(hash.slice(2, 6));
  const colors = [[linear(average >> 16), linear((average >> 8) & 255), linear(average & 255)]];
  for (let at = 6; at < hash.length; at += 2) {
    const value = decode83(hash.slice(at, at + 2));
    const digits = [Math.floor(value / 361), Math.floor(value / 19) % 19, value % 19];
    colors.push(digits.map((digit) => signedSquare(digit, scale)));
  }
  const image = new ImageData(SIZE, SIZE);
  for (let y = 0, at = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++, at += 4) {
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let n = 0; n < colors.length; n++) {
        const weight = WAVES[n % columns][x] * WAVES[Math.floor(n / columns)][y];
        red += colors[n][0] * weight;
        green += colors[n][1] * weight;
        blue += colors[n][2] * weight;
      }
      image.data[at] = srgb(red);
      image.data[at + 1] = srgb(green);
      image.data[at + 2] = srgb(blue);
      image.data[at + 3] = 255;
    }
  }
  return image;
}

/** @param {HTMLImageElement} picture */
function showPlaceholder(picture) {
  const image = picture.complete ? null : pixels(picture.dataset.blurhash || "");
  if (!image) return;
  const canvas = document.createElement("canvas");
  canvas.className = "placeholder";
  canvas.width = canvas.height = SIZE;
  canvas.setAttribute("aria-hidden", "true");
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  picture.before(canvas);
  for (const event of ["load", "error"]) picture.addEventListener(event, () => canvas.remove());
}

/** @param {ParentNode} root */
export function showPlaceholders(root) {
  for (const old of root.querySelectorAll("canvas.placeholder")) old.remove();
  for (const picture of root.querySelectorAll("img[data-blurhash]")) {
    showPlaceholder(/** @type {HTMLImageElement} */ (picture));
  }
}
