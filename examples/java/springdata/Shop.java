package springdata;

import java.math.BigDecimal;
import java.util.Map;
import java.util.UUID;
import org.springframework.stereotype.Service;
import org.springframework.transaction.annotation.Transactional;

/** A shop that tells its customers about each order by a webhook. */
@Service
class Shop {
  private final Orders orders;
  private final Webhooks webhooks;

  Shop(Orders orders, Webhooks webhooks) {
    this.orders = orders;
    this.webhooks = webhooks;
  }

  /** Saves the order and its webhook in one transaction. Returns the webhook's id. */
  @Transactional
  public UUID placeOrder(int customer, BigDecimal total, String url) {
    Order order = orders.save(new Order(customer, total));
    return webhooks.save(new Webhook(url, Map.of("type", "order.created", "order", order.id))).id;
  }
}
