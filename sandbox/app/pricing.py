"""Team catalogue. Logs logfmt."""

PRICES = {"umbrella": 19.9, "boots": 89.0}


def handler(event, context):
    price = PRICES.get(event["sku"], 5.0)
    print(f'level=info msg="price found" requestId={event["requestId"]} sku={event["sku"]} price={price}', flush=True)
    return {"price": price}
