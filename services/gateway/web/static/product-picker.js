// The products that a post shows: found by their names, or one's own.

import { api, toast, viewer } from "./api.js";
import { Completion } from "./completion.js";
import texts from "./texts.js";

/** @typedef {{ id: string, title: string, price: string, image: string }} Product */

const SUGGESTIONS = 6;

export class ProductPicker extends HTMLElement {
  connectedCallback() {
    this.field = /** @type {HTMLInputElement} */ (this.querySelector("input[type=text]"));
    this.field.parentElement?.classList.add("completes");
    const completion = new Completion(
      this.field,
      () => find(/** @type {HTMLInputElement} */ (this.field).value.trim()),
      (choice) => this.#choose(choice.value),
    );
    this.field.addEventListener("focus", () => completion.ask());
    this.addEventListener("change", (event) => {
      const box = /** @type {HTMLInputElement} */ (event.target);
      if (box.type === "checkbox" && !box.checked) box.closest("li")?.remove();
    });
  }

  get #list() {
    return /** @type {HTMLElement} */ (this.querySelector("[data-chosen]"));
  }

  /** The chosen products. */
  get products() {
    return [...this.#list.querySelectorAll("li")]
      .filter((row) => row.querySelector("input")?.checked)
      .map((row) => ({
        id: row.querySelector("input")?.value || "",
        title: row.querySelector("span")?.textContent || "",
        price: row.querySelector("strong")?.textContent || "",
        image: row.querySelector("img")?.src || "",
      }));
  }

  /** @param {Product} product */
  #choose(product) {
    const field = /** @type {HTMLInputElement} */ (this.field);
    field.value = "";
    const { products } = this;
    if (products.some((one) => one.id === product.id)) return;
    if (products.length >= Number(this.dataset.products)) return toast(texts["enough_products"]);
    this.add(product);
    this.dispatchEvent(new Event("change", { bubbles: true }));
  }

  /** @param {Product} product */
  add(product) {
    const row = document.createElement("li");
    const label = document.createElement("label");
    const box = document.createElement("input");
    Object.assign(box, { type: "checkbox", name: "product_ids[]", value: product.id, checked: true });
    const title = document.createElement("span");
    title.dir = "auto";
    title.textContent = product.title;
    const price = document.createElement("strong");
    price.textContent = product.price;
    label.append(box, title, price);
    if (product.image) {
      const image = document.createElement("img");
      Object.assign(image, { src: product.image, alt: "", width: 44, height: 44 });
      box.after(image);
    }
    row.append(label);
    this.#list.append(row);
  }
}

/** @param {string} words @returns {Promise<import("./completion.js").Choice[]>} */
async function find(words) {
  const products = words ? await page({ q: words }) : await own();
  return products.slice(0, SUGGESTIONS).map((/** @type {any} */ product) => {
    const prices = product.variants.map((/** @type {any} */ variant) => variant.price);
    const lowest = prices.sort((/** @type {any} */ a, /** @type {any} */ b) => a.amount - b.amount)[0];
    const price = `${lowest.decimal} ${lowest.currency}`;
    const image = product.pictures[0]?.preview_url || "";
    const value = { id: product.id, title: product.title, price, image };
    return { label: product.title, detail: price, image, value };
  });
}

/** @param {Record<string, string>} query */
async function page(query) {
  const params = new URLSearchParams({ limit: String(SUGGESTIONS), ...query });
  return (await api("GET", `/api/shop/v1/products?${params}`)).items;
}

async function own() {
  const shops = (await api("GET", `/api/shop/v1/shops?owner=${viewer}`)).items;
  const pages = shops.map((/** @type {any} */ shop) => page({ shop: shop.id }));
  return (await Promise.all(pages)).flat();
}

customElements.define("product-picker", ProductPicker);
