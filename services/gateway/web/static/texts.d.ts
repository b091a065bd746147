/** The texts of scripts, by key without `js.`: made of the catalogue by texts/__init__.py. */
declare const texts: Record<string, string>;
export default texts;
