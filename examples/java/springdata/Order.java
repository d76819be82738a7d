package springdata;

import jakarta.persistence.Entity;
import jakarta.persistence.GeneratedValue;
import jakarta.persistence.GenerationType;
import jakarta.persistence.Id;
import jakarta.persistence.Table;
import java.math.BigDecimal;

/** The shop's own table. */
@Entity
@Table(name = "orders")
class Order {
  @Id
  @GeneratedValue(strategy = GenerationType.IDENTITY)
  Long id;

  int customer;
  BigDecimal total;

  protected Order() {}

  Order(int customer, BigDecimal total) {
    this.customer = customer;
    this.total = total;
  }
}
