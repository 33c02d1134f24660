// What a text hides from a person who decides on it, made visible.
//
// A command may hold characters that turn the text around them, or that take no room: it
// reads as another one then. Each is shown as its number, such as <U+202E>.

// Controls, formats (bidirectional ones too), separators of lines, halves, and whatever
// else is never seen; lines and tabs stay.
const HIDING =
  /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

const shown = (character) => {
  const code = character.codePointAt(0).toString(16).toUpperCase();
  return `<U+${code.padStart(4, "0")}>`;
};

export const visible = (text) => text.replace(HIDING, shown);
