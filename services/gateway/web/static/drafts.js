// Unfinished posts, kept in the browser for each user: their texts, and the files of their pictures.
//
// Every call opens and closes the database, so that no tab keeps another from deleting it.

const DATABASE = "drafts";
const DRAFTS = "drafts"; // by user
const FILES = "files"; // by user and key

/**
 * @typedef {object} Draft
 * @property {string} key the idempotency key
 * @property {string} text
 * @property {string} spoiler
 * @property {boolean} sensitive
 * @property {string} visibility
 * @property {string} replyTo
 * @property {import("./product-picker.js").Product[]} products
 * @property {{ key: string, id: string, description: string, focus: string }[]} pictures
 */

/** @returns {Promise<IDBDatabase>} */
function open() {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(DRAFTS);
    request.result.createObjectStore(FILES);
  };
  return result(request);
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * Run some requests in one transaction. Gives what `ask` gives, once all is on disk.
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(drafts: IDBObjectStore, files: IDBObjectStore) => Promise<T>} ask
 * @returns {Promise<T>}
 */
async function transact(mode, ask) {
  const database = await open();
  try {
    const transaction = database.transaction([DRAFTS, FILES], mode);
    const done = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });
    const asked = ask(transaction.objectStore(DRAFTS), transaction.objectStore(FILES));
    return (await Promise.all([asked, done]))[0];
  } finally {
    database.close();
  }
}

/** @param {string} user */
const filesOf = (user) => IDBKeyRange.bound([user], [user, []]);

/**
 * The draft of a user, and the files of its pictures by key. No draft is null.
 * @param {string} user
 * @returns {Promise<{ draft: Draft, files: Map<string, Blob> } | null>}
 */
export function loadDraft(user) {
  return transact("readonly", async (drafts, files) => {
    const [draft, keys, blobs] = await Promise.all([
      result(drafts.get(user)),
      result(files.getAllKeys(filesOf(user))),
      result(files.getAll(filesOf(user))),
    ]);
    if (!draft) return null;
    const named = keys.map((key, index) => [/** @type {string[]} */ (key)[1], blobs[index]]);
    return { draft, files: new Map(/** @type {[string, Blob][]} */ (named)) };
  });
}

/** @param {string} user @param {Draft} draft */
export function saveDraft(user, draft) {
  return transact("readwrite", (drafts) => result(drafts.put(draft, user)));
}

/** @param {string} user @param {string} key @param {Blob} file */
export function saveFile(user, key, file) {
  return transact("readwrite", (_, files) => result(files.put(file, [user, key])));
}

/** @param {string} user @param {string} key */
export function removeFile(user, key) {
  return transact("readwrite", (_, files) => result(files.delete([user, key])));
}

/** @param {string} user */
export function discardDraft(user) {
  return transact("readwrite", (drafts, files) =>
    Promise.all([result(drafts.delete(user)), result(files.delete(filesOf(user)))]),
  );
}

/** Delete the drafts of everybody who uses this browser. */
export function clearDrafts() {
  return result(indexedDB.deleteDatabase(DATABASE));
}
