// Makes visible what a text hides from the person who decides on it.
//
// A command may contain characters that reverse the text around them, or that take no
// space, and so read as a different one. Each is shown by its number, such as <U+202E>.

// Controls, formats (bidirectional ones, too), line separators, half characters, and all
// others without a shape; newlines and tabs stay.
const HIDING =
  /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

const shown = (character) => {
  const code = character.codePointAt(0).toString(16).toUpperCase();
  return `<U+${code.padStart(4, "0")}>`;
};

export const visible = (text) => text.replace(HIDING, shown);
