from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetProductRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class WatchStockRequest(_message.Message):
    __slots__ = ("product",)
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    product: str
    def __init__(self, product: _Optional[str] = ...) -> None: ...

class StockLevels(_message.Message):
    __slots__ = ("available",)
    class AvailableEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    available: _containers.ScalarMap[str, int]
    def __init__(self, available: _Optional[_Mapping[str, int]] = ...) -> None: ...

class QuoteItem(_message.Message):
    __slots__ = ("product", "variant", "quantity")
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    product: str
    variant: str
    quantity: int
    def __init__(self, product: _Optional[str] = ..., variant: _Optional[str] = ..., quantity: _Optional[int] = ...) -> None: ...

class QuoteRequest(_message.Message):
    __slots__ = ("items", "buyer")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    BUYER_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[QuoteItem]
    buyer: str
    def __init__(self, items: _Optional[_Iterable[_Union[QuoteItem, _Mapping]]] = ..., buyer: _Optional[str] = ...) -> None: ...

class QuoteLine(_message.Message):
    __slots__ = ("product", "variant", "title", "name", "quantity", "price", "currency", "available", "shop", "seller", "picture")
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    SHOP_FIELD_NUMBER: _ClassVar[int]
    SELLER_FIELD_NUMBER: _ClassVar[int]
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    product: str
    variant: str
    title: str
    name: str
    quantity: int
    price: int
    currency: str
    available: int
    shop: str
    seller: str
    picture: Attachment
    def __init__(self, product: _Optional[str] = ..., variant: _Optional[str] = ..., title: _Optional[str] = ..., name: _Optional[str] = ..., quantity: _Optional[int] = ..., price: _Optional[int] = ..., currency: _Optional[str] = ..., available: _Optional[int] = ..., shop: _Optional[str] = ..., seller: _Optional[str] = ..., picture: _Optional[_Union[Attachment, _Mapping]] = ...) -> None: ...

class QuoteResponse(_message.Message):
    __slots__ = ("lines",)
    LINES_FIELD_NUMBER: _ClassVar[int]
    lines: _containers.RepeatedCompositeFieldContainer[QuoteLine]
    def __init__(self, lines: _Optional[_Iterable[_Union[QuoteLine, _Mapping]]] = ...) -> None: ...

class Variant(_message.Message):
    __slots__ = ("id", "name", "price")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    price: int
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., price: _Optional[int] = ...) -> None: ...

class Product(_message.Message):
    __slots__ = ("id", "shop", "seller", "title", "description", "pictures", "currency", "variants", "created_at", "edited_at", "archived", "deleted")
    ID_FIELD_NUMBER: _ClassVar[int]
    SHOP_FIELD_NUMBER: _ClassVar[int]
    SELLER_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PICTURES_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    VARIANTS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    EDITED_AT_FIELD_NUMBER: _ClassVar[int]
    ARCHIVED_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    id: str
    shop: str
    seller: str
    title: str
    description: str
    pictures: _containers.RepeatedCompositeFieldContainer[Attachment]
    currency: str
    variants: _containers.RepeatedCompositeFieldContainer[Variant]
    created_at: str
    edited_at: str
    archived: bool
    deleted: bool
    def __init__(self, id: _Optional[str] = ..., shop: _Optional[str] = ..., seller: _Optional[str] = ..., title: _Optional[str] = ..., description: _Optional[str] = ..., pictures: _Optional[_Iterable[_Union[Attachment, _Mapping]]] = ..., currency: _Optional[str] = ..., variants: _Optional[_Iterable[_Union[Variant, _Mapping]]] = ..., created_at: _Optional[str] = ..., edited_at: _Optional[str] = ..., archived: _Optional[bool] = ..., deleted: _Optional[bool] = ...) -> None: ...

class ProductView(_message.Message):
    __slots__ = ("product", "version", "available")
    class AvailableEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    product: Product
    version: int
    available: _containers.ScalarMap[str, int]
    def __init__(self, product: _Optional[_Union[Product, _Mapping]] = ..., version: _Optional[int] = ..., available: _Optional[_Mapping[str, int]] = ...) -> None: ...

class Size(_message.Message):
    __slots__ = ("width", "height")
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    width: int
    height: int
    def __init__(self, width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class Attachment(_message.Message):
    __slots__ = ("id", "owner", "mime", "original", "small", "original_size", "small_size", "blurhash", "description", "focus", "medium", "medium_size")
    ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    MIME_FIELD_NUMBER: _ClassVar[int]
    ORIGINAL_FIELD_NUMBER: _ClassVar[int]
    SMALL_FIELD_NUMBER: _ClassVar[int]
    ORIGINAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    SMALL_SIZE_FIELD_NUMBER: _ClassVar[int]
    BLURHASH_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    FOCUS_FIELD_NUMBER: _ClassVar[int]
    MEDIUM_FIELD_NUMBER: _ClassVar[int]
    MEDIUM_SIZE_FIELD_NUMBER: _ClassVar[int]
    id: str
    owner: str
    mime: str
    original: str
    small: str
    original_size: Size
    small_size: Size
    blurhash: str
    description: str
    focus: _containers.RepeatedScalarFieldContainer[float]
    medium: str
    medium_size: Size
    def __init__(self, id: _Optional[str] = ..., owner: _Optional[str] = ..., mime: _Optional[str] = ..., original: _Optional[str] = ..., small: _Optional[str] = ..., original_size: _Optional[_Union[Size, _Mapping]] = ..., small_size: _Optional[_Union[Size, _Mapping]] = ..., blurhash: _Optional[str] = ..., description: _Optional[str] = ..., focus: _Optional[_Iterable[float]] = ..., medium: _Optional[str] = ..., medium_size: _Optional[_Union[Size, _Mapping]] = ...) -> None: ...
