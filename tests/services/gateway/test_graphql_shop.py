"""Shops and products in GraphQL, with the real services."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.services.gateway.deployment import GatewayDeployment, SignedInUser
from tests.services.gateway.graphql_client import ask, invocations, refused

OPEN = """
mutation ($shop: NewShop!, $key: String) {
  createShop(shop: $shop, idempotencyKey: $key) { id name currency version owner { username } }
}
"""
SELL = """
mutation ($product: NewProduct!) {
  createProduct(product: $product) {
    id title version pictures { id } seller { username } shop { id }
    variants { id name available price { amount currency exponent } }
  }
}
"""


async def a_shop(seller: SignedInUser, name: str = "Prints", currency: str = "EUR") -> str:
    shop = {"name": name, "currency": currency, "description": "of bridges"}
    made = (await ask(seller.deployment, OPEN, seller.token, shop=shop))["createShop"]
    return str(made["id"])


async def a_product(seller: SignedInUser, shop: str, title: str, **more: Any) -> Any:
    variants = [{"name": "small", "price": 1250, "stock": 3}]
    product = {"shopId": shop, "title": title, "variants": variants, **more}
    return (await ask(seller.deployment, SELL, seller.token, product=product))["createProduct"]


async def test_a_product_is_created_and_public(deployment: GatewayDeployment) -> None:
    anna = await deployment.register("anna")
    new = {"name": "Prints", "currency": "JPY"}
    shop = (await ask(deployment, OPEN, anna.token, shop=new, key="1"))["createShop"]
    assert shop["owner"] == {"username": "anna"}
    again = (await ask(deployment, OPEN, anna.token, shop=new, key="1"))["createShop"]
    assert again["id"] == shop["id"]
    picture = (await anna.upload("a bridge"))["id"]
    large = 99_000_000_000
    variants = [{"name": "large", "price": large, "stock": 2}]
    made = await a_product(anna, shop["id"], "A bridge", variants=variants, pictureIds=[picture])
    assert made["pictures"] == [{"id": picture}]
    assert made["seller"] == {"username": "anna"}
    assert made["shop"] == {"id": shop["id"]}
    (variant,) = made["variants"]
    assert variant["price"] == {"amount": large, "currency": "JPY", "exponent": 0}
    assert variant["available"] == 2
    await deployment.cluster.settle()
    query = """
    query ($shop: ID!, $product: ID!) {
      shop(id: $shop) { name products { nodes { id } pageInfo { hasNextPage } } }
      product(id: $product) { title variants { available } }
      shops { nodes { id } }
      products(query: "bridge") { nodes { id } }
      person(username: "anna") { shops { nodes { id products { nodes { title } } } } }
    }
    """
    found = await ask(deployment, query, shop=shop["id"], product=made["id"])
    assert found["shop"]["products"] == {
        "nodes": [{"id": made["id"]}],
        "pageInfo": {"hasNextPage": False},
    }
    assert found["product"] == {"title": "A bridge", "variants": [{"available": 2}]}
    assert found["shops"]["nodes"] == [{"id": shop["id"]}]
    assert found["products"]["nodes"] == [{"id": made["id"]}]
    (own,) = found["person"]["shops"]["nodes"]
    assert own == {"id": shop["id"], "products": {"nodes": [{"title": "A bridge"}]}}


async def test_the_last_page_has_no_next_page(deployment: GatewayDeployment) -> None:
    anna = await deployment.register("anna")
    shops = [await a_shop(anna, name) for name in ("Prints", "Posters")]
    for title in ("A bridge", "Another bridge"):
        await a_product(anna, shops[0], title)
    await deployment.cluster.settle()
    query = """
    query ($shop: ID!, $first: Int!) {
      shops(first: $first) { ...Ends }
      products(first: $first) { ...End }
      found: products(query: "bridge", first: $first) { ...End }
      shop(id: $shop) { products(first: $first) { ...End } }
    }
    fragment Ends on ShopConnection { nodes { id } pageInfo { hasNextPage } }
    fragment End on ProductConnection { nodes { id } pageInfo { hasNextPage } }
    """
    for first, more in ((1, True), (2, False), (40, False)):
        found = await ask(deployment, query, shop=shops[0], first=first)
        for page in (found["shops"], found["products"], found["found"], found["shop"]["products"]):
            assert len(page["nodes"]) == min(first, 2)
            assert page["pageInfo"]["hasNextPage"] == more


async def test_changes_require_the_version(deployment: GatewayDeployment) -> None:
    anna, ben = await deployment.register("anna"), await deployment.register("ben")
    shop = await a_shop(anna)
    product = await a_product(anna, shop, "A bridge")
    edit = """
    mutation ($id: ID!, $version: Int!, $changes: EditedProduct!) {
      editProduct(id: $id, version: $version, changes: $changes) { title archived version }
    }
    """
    given = {"id": product["id"], "version": product["version"], "changes": {"title": "Bridges"}}
    edited = (await ask(deployment, edit, anna.token, **given))["editProduct"]
    assert edited["title"] == "Bridges"
    assert edited["version"] > product["version"]
    assert await refused(deployment, edit, anna.token, **given) == "CONFLICT"
    now = {**given, "version": edited["version"]}
    assert await refused(deployment, edit, ben.token, **now) == "FORBIDDEN"
    away = {**now, "changes": {"archived": True}}
    assert (await ask(deployment, edit, anna.token, **away))["editProduct"]["archived"]
    one = "query ($id: ID!) { product(id: $id) { title } }"
    assert await refused(deployment, one, ben.token, id=product["id"]) == "NOT_FOUND"
    assert (await ask(deployment, one, anna.token, id=product["id"]))["product"][
        "title"
    ] == "Bridges"
    rename = """
    mutation ($id: ID!, $version: Int!) {
      editShop(id: $id, version: $version, changes: {name: "Posters"}) { name version }
    }
    """
    seen = (await ask(deployment, "query ($id: ID!) { shop(id: $id) { version } }", id=shop))[
        "shop"
    ]
    renamed = await ask(deployment, rename, anna.token, id=shop, **seen)
    assert renamed["editShop"]["name"] == "Posters"
    assert await refused(deployment, rename, anna.token, id=shop, **seen) == "CONFLICT"


async def test_only_the_seller_sets_and_sees_the_stock(deployment: GatewayDeployment) -> None:
    anna, ben = await deployment.register("anna"), await deployment.register("ben")
    product = await a_product(anna, await a_shop(anna), "A bridge")
    given = {"product": product["id"], "variant": product["variants"][0]["id"]}
    more = """
    mutation ($product: ID!, $variant: ID!) {
      setStock(productId: $product, variantId: $variant, delta: 4) { onHand held available }
    }
    """
    assert (await ask(deployment, more, anna.token, **given))["setStock"] == {
        "onHand": 7,
        "held": 0,
        "available": 7,
    }
    assert await refused(deployment, more, ben.token, **given) in ("FORBIDDEN", "NOT_FOUND")
    stock = "query ($id: ID!) { product(id: $id) { stock { onHand variantId } } }"
    seen = await ask(deployment, stock, anna.token, id=product["id"])
    assert seen["product"]["stock"] == [{"onHand": 7, "variantId": given["variant"]}]
    assert await refused(deployment, stock, ben.token, id=product["id"]) in (
        "FORBIDDEN",
        "NOT_FOUND",
    )


async def test_invalid_products_are_rejected(deployment: GatewayDeployment) -> None:
    anna = await deployment.register("anna")
    shop = await a_shop(anna)
    product = {"shopId": shop, "title": "A bridge"}
    for variants in (
        [],
        [{"price": -1}],
        [{"price": 10**13}],
        [{"price": 1, "stock": -1}],
        [{"price": 1.5}],
        [{"price": True}],
        [{"price": "1"}],
    ):
        given = {**product, "variants": variants}
        assert await refused(deployment, SELL, anna.token, product=given) == "BAD_USER_INPUT"
    unknown = {"name": "x", "currency": "XXX"}
    assert await refused(deployment, OPEN, anna.token, shop=unknown) == "BAD_USER_INPUT"


async def test_shops_of_many_people_are_one_invocation(deployment: GatewayDeployment) -> None:
    sellers = [await deployment.register(name) for name in ("anna", "ben")]
    for seller in sellers:
        for name in ("Prints", "Frames"):
            shop = await a_shop(seller, name)
            await a_product(seller, shop, f"{seller.username}: {name}")
    await deployment.cluster.settle()
    query = """
    query ($ids: [ID!]!) {
      people(ids: $ids) {
        shops(first: 5) {
          nodes { products(first: 5) { nodes { title shop { name } seller { username } } } }
        }
      }
    }
    """
    async with invocations(deployment) as made:
        found = await ask(deployment, query, ids=[seller.id for seller in sellers])
    shops = [shop for person in found["people"] for shop in person["shops"]["nodes"]]
    products = [product for shop in shops for product in shop["products"]["nodes"]]
    assert len(shops) == len(products) == 4
    assert all(product["shop"]["name"] in product["title"] for product in products)
    assert Counter(made) == {"users": 1, "catalog": 3}


async def test_posts_show_products(deployment: GatewayDeployment) -> None:
    anna = await deployment.register("anna")
    product = await a_product(anna, await a_shop(anna), "A bridge")
    await deployment.cluster.settle()
    create_post = """
    mutation ($post: NewPost!) { createPost(post: $post) { id products { id title } } }
    """
    new = {"text": "for sale", "productIds": [product["id"]]}
    post = (await ask(deployment, create_post, anna.token, post=new))["createPost"]
    assert post["products"] == [{"id": product["id"], "title": "A bridge"}]
    edit = """
    mutation ($id: ID!) { editPost(id: $id, changes: {productIds: []}) { products { id } } }
    """
    look = "query ($id: ID!) { post(id: $id) { products { variants { price { amount } } } } }"
    shown = (await ask(deployment, look, id=post["id"]))["post"]["products"]
    assert shown == [{"variants": [{"price": {"amount": 1250}}]}]
    assert (await ask(deployment, edit, anna.token, id=post["id"]))["editPost"]["products"] == []
